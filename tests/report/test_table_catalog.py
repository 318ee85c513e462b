"""A table of a report is one file: a file `*_table.py` of the package, or a user's own in the plug-in folders."""

from __future__ import annotations

import re
import sys

import pandas as pd
import pytest
from documented_blocks import plug_ins
from synthetic_results import ArmSpec, DataSetSpec, write

from bench.core import BenchError
from bench.report import build, tables
from bench.report.tables import AcrossTableSpec, StudyTableSpec, TableSpec
from bench.report.tables.table_catalog import of_kind, read_specs
from bench.storage.record_store import Store

SPREAD = '''"""A table of the spread of the scores of every arm."""

import pandas as pd

from bench.report.tables import TableBody, TableSpec


def spread(found):
    """The largest less the smallest score over the folds of every arm."""
    ranges = {arm: [*found.section.scores(arm).values()] for arm in found.section.arms}
    return pd.DataFrame([{"arm": arm, "spread": max(each) - min(each)} for arm, each in ranges.items()])


def body(found):
    """The same as it is read."""
    rows = [(row["arm"], f"{row['spread']:.3f}") for row in found.frame("spread").to_dict("records")]
    return TableBody(("Arm", "Range"), tuple(rows), "The largest less the smallest score.")


TABLE = TableSpec(
    "spread", "Spread over folds", order=150, frame=spread, layout=body, csv="spread", about="how scores vary"
)
'''

STUDY = '''"""A table of the folds of a study."""

from bench.report.tables import StudyTableSpec, TableBody


def body(results):
    """The number of folds."""
    return TableBody(("Study", "Number of folds"), (("toy", str(results.plan.folds)),), "How the people are divided.")


TABLE = StudyTableSpec("folds", "Folds of the study", order=ORDER, layout=body)
'''


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A plug-in folder with the table `spread`."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "spread.py").write_text(SPREAD)
    monkeypatch.setenv("BENCH_PLUGINS", str(folder))
    return folder


def study(root):
    """The stored results of two arms."""
    plan = write(root, {"base": ArmSpec(0.3), "new": ArmSpec(0.9)}, [DataSetSpec()])
    return tables.section_tables(tables.gather(plan, Store(root)))


def test_every_file_of_a_table_declares_one_and_no_two_share_a_name_or_place():
    specs = read_specs()
    assert {spec.name for spec in of_kind(specs, TableSpec)} >= {"scores", "contrasts", "cost", "predictions", "curves"}
    assert [spec.name for spec in of_kind(specs, AcrossTableSpec)] == ["pooled", "ranks"]
    assert [spec.name for spec in of_kind(specs, StudyTableSpec)] == ["arms"]
    orders = [spec.order for spec in of_kind(specs, TableSpec)]
    assert orders == sorted(set(orders))


def test_a_file_in_a_plugin_folder_adds_a_table_to_the_report(plugin, tmp_path):
    study(tmp_path)
    page = build("toy", tmp_path)
    written = pd.read_csv(page.parent / "spread.csv")
    assert written["arm"].tolist() == ["base", "new"]
    markdown = (page.parent / "report.md").read_text()
    assert markdown.index("### Scores") < markdown.index("### Spread over folds") < markdown.index("### Contrasts")
    assert f"| new | {written['spread'][1]:.3f} |" in markdown
    html = page.read_text()
    assert "<summary>Spread over folds</summary>" in html
    assert "how scores vary" in html  # among the downloads
    assert "spread over folds. The largest less the smallest score." in (page.parent / "tables.tex").read_text()


def test_the_table_of_the_guide_is_in_the_report(plugin, tmp_path):
    (plugin / "score_range.py").write_text(plug_ins()["score_range.py"])
    (found,) = study(tmp_path)
    page = build("toy", tmp_path)
    assert "### Range of the scores" in (page.parent / "report.md").read_text()
    ranges = pd.read_csv(page.parent / "score_range.csv").set_index("arm")["range"]
    for arm in found.section.arms:
        scores = found.section.scores(arm).values()
        assert ranges[arm] == pytest.approx(max(scores) - min(scores))


@pytest.mark.parametrize("order", [50, 900])  # before and after the table of the arms
def test_a_study_table_of_a_plugin_is_in_the_report_next_to_the_arms(plugin, tmp_path, order):
    (plugin / "folds.py").write_text(STUDY.replace("ORDER", str(order)))
    study(tmp_path)
    page = build("toy", tmp_path)
    for text, mark in ((page.read_text(), "<h3>{}</h3>"), ((page.parent / "report.md").read_text(), "## {}\n")):
        places = [text.index(mark.format(title)) for title in ("Arms", "Folds of the study")]
        assert (places[0] < places[1]) == (order > 100)
        assert text.count("How the people are divided.") == 1
    assert re.search(r"<dt>Arms</dt><dd>2,", page.read_text())


def test_a_study_table_without_rows_is_left_out(plugin, tmp_path):
    (plugin / "folds.py").write_text(STUDY.replace("ORDER", "900").replace('(("toy", str(results.plan.folds)),)', "()"))
    study(tmp_path)
    assert "Folds of the study" not in build("toy", tmp_path).read_text()


def test_a_table_of_a_plugin_that_names_a_person_is_refused(plugin, tmp_path):
    (found,) = study(tmp_path)
    person = sorted(found.section.people)[0]
    (plugin / "spread.py").unlink()
    (plugin / "spread_of_people.py").write_text(SPREAD.replace('{"arm": arm,', f'{{"arm": "{person}",'))
    with pytest.raises(BenchError, match=r"spread\.csv"):
        build("toy", tmp_path)


def test_two_tables_of_one_name_are_an_error(plugin):
    (plugin / "other.py").write_text(SPREAD.replace('"spread", "Spread', '"scores", "Spread'))
    with pytest.raises(BenchError, match="there is a table 'scores' already"):
        read_specs()


def test_a_table_of_another_type_is_an_error(plugin):
    (plugin / "other.py").write_text('"""No table."""\n\nTABLE = [1, 2]\n')
    with pytest.raises(BenchError, match=r"other\.py: TABLE is list; make it a TableSpec"):
        read_specs()


def test_numbers_of_a_table_are_computed_once_and_when_they_are_read(plugin, tmp_path, monkeypatch):
    (found,) = study(tmp_path)
    calls = []
    monkeypatch.setattr(type(found.section), "scores", lambda section, arm: calls.append(arm) or {(0, 0, 0): 0.5})
    assert calls == []
    assert found.frame("spread") is found.frame("spread")
    assert calls == ["base", "new"]


def test_declared_tests_of_all_tables_are_corrected_together(plugin, tmp_path):
    (alone,) = study(tmp_path)
    (plugin / "more.py").write_text(
        '"""A table with a declared test of its own."""\n\nfrom bench.report.tables import TableSpec\n'
        "from bench.report.tables.contrasts_table import contrasts\n\n\n"
        'TABLE = TableSpec("more", "More", order=250, tests=lambda results: contrasts(results).assign(arm="other"))\n'
    )
    (both,) = study(tmp_path)
    assert alone.contrasts["tests"].tolist() == [1]
    assert both.contrasts["tests"].tolist() == [2]
    assert both.contrasts["p_holm"][0] == pytest.approx(min(1.0, 2 * alone.contrasts["p_holm"][0]))


def test_a_wrong_name_of_a_table_names_the_nearest_one(tmp_path):
    (found,) = study(tmp_path)
    with pytest.raises(KeyError, match="did you mean 'scores'"):
        found.frame("score")


@pytest.mark.parametrize(("right", "wrong", "message"), [
    ("- min(each)", "/ 0", "spread.py, line 11: ZeroDivisionError"),
    ("return pd.DataFrame(", "return list(", "`frame` of the table 'spread' returned a list, not a DataFrame"),
    ("return TableBody(", "return dict.fromkeys(rows) or (", "`layout` of the table 'spread' returned a dict"),
    (", f\"{row['spread']:.3f}\")", ",)", "spread.py, line 17: ValueError: a row has 1 cell, and there are 2 columns"),
    ('csv="spread"', 'csv="scores"', "spread.py: another table writes 'scores.csv'; give `csv` another name"),
])  # fmt: skip
def test_a_mistake_in_a_table_of_a_plug_in_names_its_file(plugin, tmp_path, right, wrong, message):
    assert right in SPREAD
    sys.modules.pop("bench_plugins.spread", None)
    (plugin / "spread.py").write_text(SPREAD.replace(right, wrong))
    with pytest.raises(BenchError) as caught:
        tables.format_tables(study(tmp_path)[0])
    assert message in str(caught.value)
