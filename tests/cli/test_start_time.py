"""Commands that need no network start without torch; a plan asks networks once."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

import bench
from bench import registry
from bench.core import Arm
from bench.experiments.plan import method_answers
from bench.experiments.plan.method_answers import remembered

HEAVY = "{'torch', 'ray', 'monai', 'timm', 'torchvision', 'matplotlib'}"
LIGHT = (
    "list",
    "list studies",
    "describe ad_oasis",
    "guide",
    "--version",
    "--help",
    "status",
    "template slurm",
    "open",
)


def modules_after(words: list[str], names: str) -> str:
    """Which of the modules a process has imported after a command; its last line."""
    program = (
        "import sys\nfrom bench.cli import app\n"
        f"try:\n    app({words!r})\nexcept (SystemExit, Exception) as end:\n    print(repr(end), file=sys.stderr)\n"
        f"print(sorted({names} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("words", LIGHT)
def test_what_needs_no_network_imports_none(words):
    assert modules_after(words.split(), HEAVY) == "[]"


@pytest.mark.parametrize("words", ["guide", "--version", "--help", "list", "status", "describe ad_oasis", "open"])
def test_what_needs_no_numbers_imports_no_numpy(words):
    assert modules_after(words.split(), "{'numpy', 'scipy', 'pandas'}") == "[]"


def test_the_second_plan_of_a_study_imports_no_network_library(plugins):
    words = ["plan", "--study", "quickstart", "--set", "folds=2"]
    assert "torch" in modules_after(words, HEAVY)
    assert modules_after(words, HEAVY) == "[]"


def test_an_answer_is_remembered_for_the_same_question_method_and_code(plugins, monkeypatch):
    asked = []

    def ask() -> str:
        asked.append(1)
        return "a note"

    arm = Arm("tiny_net")
    assert [remembered("note x", arm, ask) for _ in range(2)] == ["a note"] * 2
    assert len(asked) == 1
    remembered("note y", arm, ask)
    remembered("note x", replace(arm, params={"dropout": 0.5}), ask)
    assert len(asked) == 3
    monkeypatch.setattr(method_answers, "_code", lambda: "other code")
    remembered("note x", arm, ask)
    assert len(asked) == 4


def test_a_method_that_reads_a_file_and_an_error_are_not_remembered(plugins):
    asked = []

    def ask() -> str:
        asked.append(1)
        raise ValueError("no such network")

    for _ in range(2):
        with pytest.raises(ValueError, match="no such network"):
            remembered("check", Arm("tiny_net"), ask)
    assert len(asked) == 2
    arm = Arm("timm2d", {"weights": "/nowhere/x.safetensors"})
    assert [remembered("check", arm, lambda: asked.append(1) or "") for _ in range(2)] == ["", ""]
    assert len(asked) == 4


def test_a_folder_of_data_that_cannot_be_written_only_costs_time(plugins, monkeypatch):
    monkeypatch.setattr(method_answers, "write_text", lambda *_: (_ for _ in ()).throw(OSError("read-only")))
    assert remembered("note", Arm("tiny_net"), lambda: "a note") == "a note"


def test_a_wrong_network_is_an_error_at_every_plan(plugins):
    study = replace(registry.study("tiny"), arms={"net": Arm("timm2d", {"network": "resnet81"})}, again=None)
    study = replace(study, random_labels=None, floors=[])
    for _ in range(2):
        with pytest.raises(bench.BenchError, match="resnet81"):
            bench.plan(study, name="own")
