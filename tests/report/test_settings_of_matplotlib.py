"""Figures are the same bytes whatever the user has set for matplotlib."""

from __future__ import annotations

import subprocess
import sys

import matplotlib
import pytest

from bench.report.figure_files import ReportFigure, save_figures
from bench.report.figures import style

USERS = {
    "savefig.bbox": "tight", "savefig.dpi": 30, "text.usetex": True, "font.family": "serif", "figure.dpi": 50,
    "axes.facecolor": "black", "lines.linewidth": 9, "axes.grid": True, "axes.titleweight": "bold",
}  # fmt: skip
LOAD = "from bench.report.figures.plotting_library import load_matplotlib as load\nprint(load().get_backend())"


def drawn():
    figure = style.new_figure(2, 1)
    axes = figure.subplots()
    axes.plot([0, 1], [0, -1], label="a")
    axes.set_title("a title")
    style.add_legend(figure, axes.get_lines())
    return figure


def test_a_figure_is_the_same_bytes_whatever_the_user_has_set(tmp_path):
    save_figures([ReportFigure("t", "f", "", draw=drawn)], tmp_path / "own")
    with matplotlib.rc_context(USERS):
        save_figures([ReportFigure("t", "f", "", draw=drawn)], tmp_path / "users")
        assert matplotlib.rcParams["savefig.dpi"] == 30  # and they are kept
    files = {path.name: path.read_bytes() for path in (tmp_path / "own").iterdir()}
    assert set(files) == {"f.png", "f.pdf", "f.svg"}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "users").iterdir()}


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "no_such_one"])
def test_matplotlib_is_loaded_although_the_backend_of_a_notebook_is_missing(backend, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", backend)
    done = subprocess.run([sys.executable, "-c", LOAD], capture_output=True, text=True)
    assert done.stdout.strip() == "agg", done.stderr


def test_a_matplotlibrc_that_is_no_text_is_one_line(tmp_path):
    (tmp_path / "matplotlibrc").write_bytes(b"font.family: \xe9\n")
    done = subprocess.run([sys.executable, "-c", LOAD], cwd=tmp_path, capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert "RunAbortedError: matplotlib cannot be imported:" in last
    assert last.endswith("correct the file matplotlibrc or the installation")
