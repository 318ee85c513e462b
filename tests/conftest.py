"""Every test has data, results and plug-in folders of its own."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from bench import registry

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")  # how long an example takes says something of the machine, not of a promise
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
PLUGINS = Path(__file__).parent / "plugins"
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell begins what runs in its background
    signal.signal(signal.SIGINT, signal.default_int_handler)

TINY = """
    from dataclasses import dataclass
    import numpy as np
    from bench.core import Dataset, Sample, Scan, Task, param

    @dataclass(frozen=True)
    class Mine(Dataset):
        title = source = licence = citation = layout = "mine"
        phantom = True
        task = Task("{kind}", "{primary}", ("a", "b"))
        shape = (1, 4, 4, 4)
        spacing = (1.0, 1.0, 1.0)
        def samples(self, root):
            return [Sample(f"s{{i}}", f"s{{i}}", {target}, "x", lambda i=i: self.read(i)) for i in range(3)]
        def read(self, i):
            image = np.arange(64.0).reshape(1, 4, 4, 4).astype(np.float32)
            mask = None
            {body}
            return Scan(image, (1.0, 1.0, 1.0), mask)

    DATASET = Mine
"""


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """BENCH_DATA and BENCH_RESULTS in a folder that only this test sees; no plug-ins."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path / "results"))
    monkeypatch.delenv("BENCH_PLUGINS", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small members under tests/plugins are in the registry."""
    monkeypatch.setenv("BENCH_PLUGINS", str(PLUGINS))
    registry.clear_cache()
    yield PLUGINS
    registry.clear_cache()


@pytest.fixture(scope="session")
def scans() -> Path:
    """The folder with the real scans, or a skip that says what is missing."""
    folder = os.environ.get("BENCH_TEST_DATA")
    if not folder:
        pytest.skip("BENCH_TEST_DATA is not set: it names the folder with the real scans")
    return Path(folder)


@pytest.fixture
def one_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports are built with their figures in the format that the page holds alone, once: a quarter of the time."""
    monkeypatch.setattr("bench.report.figures.style.FORMATS", ("svg",))
    monkeypatch.setattr("bench.report.page_figures._narrow_figure", lambda picture: "")


@pytest.fixture(scope="session")
def two_arms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `results` and `data` of a study `toy` of two arms, and its report with every format of figures.

    It is shared: a test that changes something works on a copy.
    """
    from synthetic_results import ArmSpec, DataSetSpec, write

    from bench import report

    folder = tmp_path_factory.mktemp("two-arms")
    write(folder / "results", {"base": ArmSpec(0.5), "new": ArmSpec(0.8)}, [DataSetSpec("scans")])
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("BENCH_DATA", str(folder / "data"))
        report.build("toy", folder / "results")
    return folder


@pytest.fixture
def two_arms_copy(two_arms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of results of a copy of `two_arms`, with the data folder beside it in use."""
    shutil.copytree(two_arms, tmp_path / "copy")
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "copy" / "data"))
    return tmp_path / "copy" / "results"


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A data set of a user's own, from what its `read` does to image and mask of scan i."""

    def write(body: str = "pass", kind: str = "classification", target: str = "i % 2") -> None:
        primary = {"classification": "auc", "segmentation": "dice", "regression": "mae"}[kind]
        text = textwrap.dedent(TINY.format(body=body, kind=kind, primary=primary, target=target))
        (tmp_path / "own").mkdir()
        (tmp_path / "own" / "mine.py").write_text(text)
        monkeypatch.setenv("BENCH_PLUGINS", str(tmp_path / "own"))
        sys.modules.pop("bench_plugins.mine", None)
        registry.clear_cache()

    yield write
    sys.modules.pop("bench_plugins.mine", None)
    registry.clear_cache()


@pytest.fixture
def cells(plugins, monkeypatch):
    """The cells of a study that is kept at every evaluation point."""
    from bench.data.prepare import prepare
    from bench.experiments import plan
    from bench.training import checkpoint

    monkeypatch.setattr(checkpoint, "EVERY", 0.0)
    return plan.cells(registry.study("long_study"), [prepare("tiny_volumes").spec])
