"""timm can be imported, whichever build of torch the installed torchvision was compiled for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BROKEN = """
import torch

@torch.library.register_fake("torchvision::nms")
def nms(dets, scores, iou_threshold):
    return dets

@torch.library.register_fake("torchvision::qnms")
def qnms(dets, scores, iou_threshold):
    return dets
"""
WHOLE = """
import torch

library = torch.library.Library("torchvision", "DEF")
library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
"""
IMPORT = "import bench, torchvision, torch; print(torch.ops.torchvision.nms.default)"


def run(code: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Python in a fresh process, modules under `path` found first."""
    start = f"import sys; sys.path.insert(0, {str(path)!r})\n" if path else ""
    return subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, timeout=120)


def stand_in(folder: Path, code: str) -> Path:
    (folder / "torchvision").mkdir()
    (folder / "torchvision" / "__init__.py").write_text(code)
    return folder


def test_operators_that_did_not_load_are_declared(tmp_path):
    done = run(IMPORT, stand_in(tmp_path, BROKEN))
    assert done.stdout.split() == ["torchvision.nms.default"], done.stderr


def test_operators_that_loaded_are_left_alone(tmp_path):
    code = f"{IMPORT}; from bench.core.torchvision_import import _kept; print(_kept)"
    done = run(code, stand_in(tmp_path, WHOLE))
    assert done.stdout.split() == ["torchvision.nms.default", "[]"], done.stderr


def test_an_import_that_failed_before_succeeds_after_bench_was_imported(tmp_path):
    before = "try:\n    import torchvision\nexcept RuntimeError: print('failed')\n"
    done = run(before + IMPORT, stand_in(tmp_path, BROKEN))
    assert done.stdout.split() == ["failed", "torchvision.nms.default"], done.stderr


def test_importing_bench_imports_neither_torch_nor_torchvision():
    done = run(
        "import bench; print({'torch', 'torchvision', 'timm'} & {*sys.modules})".replace("import", "import sys,", 1)
    )
    assert done.stdout.strip() == "set()", done.stderr


def test_other_faults_are_not_hidden(tmp_path):
    done = run(IMPORT, stand_in(tmp_path, "raise RuntimeError('something else')"))
    assert "something else" in done.stderr


@pytest.mark.parametrize("library", ["timm", "monai.networks.nets"])
def test_what_the_methods_need_can_be_imported(library):
    done = run(f"import bench; import {library}")
    assert done.returncode == 0, done.stderr
