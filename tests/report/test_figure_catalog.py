"""A figure of the report is one file that defines FIGURE, in the package or in a plug-in folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from documented_blocks import plug_ins
from synthetic_results import ArmSpec, DataSetSpec, write

from bench import report
from bench.core import BenchError
from bench.report import figure_catalog, figure_files, figures, tables
from bench.storage.record_store import Store

FOLDER = Path(figures.__file__).parent
COSTLY = {"a": ArmSpec(0.5, cost={"train_seconds": 2.0}), "b": ArmSpec(1, cost={"train_seconds": 3.0})}
BLANK = """from bench.report.figure_catalog import FigureSpec
FIGURE = FigureSpec(name={name!r}, table="", alt="", data=lambda tables: None, draw=None)
"""


@pytest.fixture
def plugin_folder(tmp_path, monkeypatch):
    folder = tmp_path / "plugins"
    folder.mkdir()
    monkeypatch.setenv("BENCH_PLUGINS", str(folder))
    yield folder
    for path in folder.glob("*.py"):
        sys.modules.pop(f"bench_plugins.{path.stem}", None)


def test_the_files_named_figure_and_no_others_define_one():
    defining = {path.name for path in FOLDER.glob("*.py") if "\nFIGURE = " in path.read_text()}
    assert defining == {path.name for path in FOLDER.glob("*_figure.py")}
    assert len(figure_catalog.specs()) == len(defining) > 14


def test_figures_are_found_without_importing_what_draws_them():
    program = (
        "import sys\nfrom bench.report import figure_catalog\nassert figure_catalog.specs()\n"
        "heavy = {'matplotlib', 'seaborn', 'torch'} & set(sys.modules)\nassert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_figure_of_a_plugin_folder_is_in_the_report(plugin_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.report.figures.style.FORMATS", ("svg",))
    write(tmp_path, COSTLY, [DataSetSpec("scans")])
    (plugin_folder / "training_time.py").write_text(plug_ins()["training_time.py"])
    page = report.build("toy", tmp_path).read_text()
    assert (tmp_path / "toy" / "figures" / "scans-training-time.svg").is_file()
    assert 'aria-label="Seconds of training of the arms on scans (real).">' in page
    assert "![Seconds of training of the arms on scans (real).](" in (tmp_path / "toy" / "report.md").read_text()


def test_a_plugin_without_data_has_no_figure(plugin_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.report.figures.style.FORMATS", ("svg",))
    write(tmp_path, {"a": ArmSpec(0.5, cost={"train_seconds": 0.0})}, [DataSetSpec("scans")])
    (plugin_folder / "training_time.py").write_text(plug_ins()["training_time.py"])
    report.build("toy", tmp_path)
    assert not (tmp_path / "toy" / "figures" / "scans-training-time.svg").exists()


def test_two_figures_of_one_name_are_an_error(plugin_folder):
    (plugin_folder / "again.py").write_text(BLANK.format(name="scores"))
    with pytest.raises(BenchError, match=r"two files define the figure 'scores': .*scores_figure\.py and .*again\.py"):
        figure_catalog.specs()


def test_a_figure_that_is_no_spec_is_an_error_of_its_file(plugin_folder):
    (plugin_folder / "mine.py").write_text("FIGURE = 'scores'\n")
    with pytest.raises(BenchError, match=r"mine\.py: FIGURE is no FigureSpec"):
        figure_catalog.specs()


def test_figures_of_a_plugin_come_last(plugin_folder):
    (plugin_folder / "a_first.py").write_text(BLANK.format(name="a-first"))
    assert [spec.name for spec in figure_catalog.specs()][-1] == "a-first"


PLAIN = """from bench.report.figure_catalog import FigureSpec

def draw(tables, data):
    from matplotlib import pyplot
    figure, axes = pyplot.subplots()
    axes.plot([1, 2])
    return figure

FIGURE = FigureSpec(name="plain", table="cost", alt="A line of {data}.", data=lambda tables: [1], draw=draw)
"""


def drawn(folder, root, text):
    """Save the figures of the plug-in only."""
    (folder / "plain.py").write_text(text)
    plan = write(root, COSTLY, [DataSetSpec("scans")])
    found = tables.section_tables(tables.gather(plan, Store(root)))[0]
    figure_files.save_figures(
        [each for each in figure_files.figures_of(found) if each.stem == "scans-plain"], root / "figures"
    )
    return root / "figures" / "scans-plain.svg"


def test_a_figure_of_plain_matplotlib_is_saved(plugin_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.report.figures.style.FORMATS", ("svg",))
    assert drawn(plugin_folder, tmp_path, PLAIN).read_text().count("<svg") == 1


@pytest.mark.parametrize(("right", "wrong", "message"), [
    ("axes.plot([1, 2])", "axes.plot(1 / 0)", "plain.py, line 6: ZeroDivisionError"),
    ("return figure", "return axes", "plain.py: `draw` of the figure 'plain' returned a Axes, not a Figure"),
    ("lambda tables: [1]", "lambda tables: tables.no", "plain.py, line 9: AttributeError"),
    ("{data}", "{dat}", "plain.py: `alt` may have {data} in braces and nothing else"),
])  # fmt: skip
def test_a_mistake_in_a_figure_of_a_plug_in_names_its_file(plugin_folder, tmp_path, right, wrong, message):
    assert right in PLAIN
    with pytest.raises(BenchError) as caught:
        drawn(plugin_folder, tmp_path, PLAIN.replace(right, wrong))
    assert message in str(caught.value)
