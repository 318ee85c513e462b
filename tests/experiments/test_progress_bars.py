"""Progress where there is no terminal: plain lines, which become rarer as a run becomes longer."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
from rich.console import Console

from bench.experiments import progress_bars
from bench.experiments.clock_text import duration


@pytest.fixture
def clock(monkeypatch):
    """The seconds that the progress bars read; a test sets them."""
    seconds = [0.0]
    monkeypatch.setattr(progress_bars.time, "monotonic", lambda: seconds[0])
    return seconds


@pytest.mark.parametrize(("hours", "most"), [(1, 100), (8, 200)])
def test_a_long_preparation_prints_few_lines_and_is_never_silent_for_long(clock, hours, most):
    output = io.StringIO()
    bar = progress_bars.PreparationProgressBar(Console(file=output, width=200), "preparing x")
    printed = [0]
    for second in range(0, hours * 3600, 2):
        clock[0] = float(second)
        before = len(output.getvalue())
        bar(second, hours * 3600)
        if len(output.getvalue()) > before:
            printed.append(second)
    gaps = [after - before for before, after in pairwise(printed)]
    assert 50 < len(gaps) < most
    assert gaps[0] <= 12
    assert max(gaps) <= 302


def test_the_time_left_of_a_preparation_is_that_of_its_scans_not_of_its_start(clock):
    """A hundred seconds until the processes have begun, then two seconds a scan."""
    output = io.StringIO()
    bar = progress_bars.PreparationProgressBar(Console(file=output, width=200), "making x")
    for done in range(1, 31):
        clock[0] = 100.0 + 2 * done
        bar(done, 60)
    lines = output.getvalue().splitlines()
    assert lines[0] == "making x: 1/60"
    shown = [(int(line.split("/")[0].split()[-1]), line.partition(", ")[2]) for line in lines[1:]]
    assert len(shown) >= 3
    assert all(left == f"about {duration(2 * (60 - done))} left" for done, left in shown)
