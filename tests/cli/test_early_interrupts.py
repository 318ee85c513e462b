"""A signal at any moment, also while modules are imported and while the interpreter ends: one line and its status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(sys.executable).with_name("bench")
METRIC = (
    "from bench.evaluation.metrics import Metric\n"
    "METRIC = Metric('late', 'Late', 'regression', 'lower', '', 0, 1, each=lambda y, p, spacing: abs(p - y))\n"
)
DOORS = {"module": [sys.executable, "-m", "bench"], "script": [str(SCRIPT)]}
SENT = "import os, signal\nos.kill(os.getpid(), signal.{})\n"
SWALLOWED = (
    "import os, signal\ntry:\n    os.kill(os.getpid(), signal.{})\n    len('')\nexcept BaseException:\n    pass\n"
)


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Run the command with a module of this name and text in the place of the real one."""

    def run(door, name, text, *words, handler=signal.default_int_handler):
        if not Path(DOORS[door][0]).exists():
            pytest.skip("the command is not installed")
        (tmp_path / "first").mkdir()
        (tmp_path / "first" / f"{name}.py").write_text(text)
        roots = [str(tmp_path / "first"), str(Path(__file__).resolve().parents[2])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(roots), "BENCH_PLUGINS": str(tmp_path / "first")}
        return subprocess.run(
            [*DOORS[door], *words],
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
            preexec_fn=lambda: signal.signal(signal.SIGINT, handler),
        )

    return run


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("number", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_while_the_command_is_imported(bench, door, number, status):
    done = bench(door, "typer", SENT.format(number), "list", "studies")
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "bench: interrupted\n")


def test_a_library_that_catches_everything_while_it_is_imported_loses_no_signal(bench):
    done = bench("module", "torch", SWALLOWED.format("SIGINT"), "cost", "dclse")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "bench: interrupted\n")


def test_a_run_that_is_interrupted_before_it_begins_names_the_remedy(bench):
    done = bench("module", "rich", SENT.format("SIGTERM"), "run", "--study", "quickstart")
    assert done.returncode == 143
    assert done.stderr == "bench: interrupted; finished trials are saved; run the same command to resume\n"


def test_a_signal_while_the_interpreter_ends_loses_no_output(bench):
    text = "import atexit, os, signal\natexit.register(os.kill, os.getpid(), signal.SIGINT)\n"
    done = bench("module", "late", text + METRIC, "list", "studies")
    assert "quickstart" in done.stdout
    assert (done.returncode, done.stderr) == (130, "bench: interrupted\n")


def test_a_job_in_the_background_that_ignores_interrupts_goes_on(bench):
    done = bench("module", "late", SENT.format("SIGINT") + METRIC, "list", "studies", handler=signal.SIG_IGN)
    assert (done.returncode, done.stderr) == (0, "")
    assert "quickstart" in done.stdout
