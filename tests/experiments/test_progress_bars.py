"""Progress where there is no terminal: plain lines, which become rarer as a run becomes longer."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
from rich.console import Console

from bench.experiments import progress_bars


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
