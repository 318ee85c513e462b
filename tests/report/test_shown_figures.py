"""Figures from Python and at the width of a journal: they show themselves, and have the width that was asked for."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from synthetic_results import ArmSpec, DataSetSpec, write

import bench
from bench.core import BenchError
from bench.experiments.study_results import Results
from bench.report.figures import style
from bench.report.tables.dataset_tables import format_tables

ARMS = {
    "a network with a long name, 3D": ArmSpec(0.8),
    "another network with a long name": ArmSpec(1.0),
    "linear (voxels)": ArmSpec(0.5),
    "constant": ArmSpec(0.0),
}
COLUMN = 85.0


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    write(root, ARMS, [DataSetSpec()], study="toy")
    return Results("toy", root)


def test_every_figure_has_the_width_of_a_column_and_room_for_its_axes(results):
    assert len(results.figures) >= 7
    for name in results.figures:
        shown = results.figure(name, width=COLUMN)
        shown._repr_png_()
        assert shown.figure.get_figwidth() * style.INCH == pytest.approx(COLUMN)
        whole = shown.figure.bbox
        for axes in shown.axes:
            assert axes.bbox.width * 72 / shown.figure.dpi > 45, (name, axes.bbox.width)
        inside = shown.figure.get_tightbbox()
        assert inside.x0 >= -0.02, name
        assert inside.x1 * shown.figure.dpi <= whole.x1 + 0.02 * shown.figure.dpi, name


def test_every_figure_has_a_caption_and_that_of_its_table_where_it_has_none_of_its_own(results):
    captions = {name: results.figure(name).caption for name in results.figures}
    assert all(captions.values()), captions
    (table,) = (each for each in format_tables(results.report_data.tables[0]) if each.name == "scores")
    assert results.figure("scores").caption == table.caption


def test_without_a_width_figures_are_those_of_the_report(results):
    assert results.figure("scores").figure.get_figwidth() == style.WIDTH
    assert not style.is_narrow()


def test_a_saved_figure_has_the_width_that_was_asked_for(results, tmp_path):
    path = results.figure("scores", width=COLUMN).save(tmp_path / "scores.pdf")
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", path.read_bytes())
    assert float(box.group(1)) / 72 * style.INCH == pytest.approx(COLUMN, abs=0.1)
    with pytest.raises(BenchError, match=r"scores\.tif ends in none of pdf, svg, png"):
        results.figure("scores").save(tmp_path / "scores.tif")


def test_a_notebook_shows_results_and_figures(results):
    assert results.figure("scores")._repr_png_().startswith(b"\x89PNG")
    html = results._repr_html_()
    assert all(arm in html for arm in ARMS)
    best = results.scores["score"].max()
    assert f"{best:.3f}" in html


@pytest.mark.parametrize(
    ("name", "width", "says"),
    [
        ("scoress", None, "no figure 'scoress'; did you mean"),
        ("scores", 20, "a figure can be 60 to 400 mm wide, not 20"),
        ("scores", np.nan, "a figure can be 60 to 400 mm wide, not nan"),
    ],
)
def test_an_impossible_figure_is_refused_in_words(results, name, width, says):
    with pytest.raises(BenchError, match=says):
        results.figure(name, width)


def test_the_figure_of_the_guide_has_the_width_of_a_column(results, monkeypatch, tmp_path):
    page = (Path(bench.__file__).parent / "guide" / "python.md").read_text("utf-8")
    (block,) = [text for text in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "width=85" in text]
    monkeypatch.setattr(bench, "load_results", lambda study: results)
    monkeypatch.chdir(tmp_path)
    names: dict = {"bench": bench}
    exec(block, names)
    assert (tmp_path / "scores.pdf").is_file()
    assert names["column"].axes[0].get_title() == "Dementia on OASIS-1"


def test_the_command_draws_figures_of_a_width_beside_the_others(results, monkeypatch, capsys, one_format):
    from command_line import run_command

    monkeypatch.setenv("BENCH_RESULTS", str(results.root))
    status, text = run_command(capsys, monkeypatch, "report", "--study", "toy", "--width", "85")
    assert status == 0
    folder = results.root / "toy" / "figures-85mm"
    assert str(folder) in text
    assert {path.stem for path in folder.iterdir()} == set(results.figures)
    widths = {re.search(r'<svg[^>]* width="([\d.]+)pt"', path.read_text()).group(1) for path in folder.glob("*.svg")}
    assert {round(float(each) / 72 * style.INCH) for each in widths} == {85}
