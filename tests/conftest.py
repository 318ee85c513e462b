"""Every test has data, results and plug-in folders of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench import registry

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
PLUGINS = Path(__file__).parent / "plugins"


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
    registry.forget()
    yield PLUGINS
    registry.forget()


@pytest.fixture
def scans() -> Path:
    """The folder with the real scans, or a skip that says what is missing."""
    folder = os.environ.get("BENCH_TEST_DATA")
    if not folder:
        pytest.skip("BENCH_TEST_DATA is not set: it names the folder with the real scans")
    return Path(folder)
