"""Two studies side by side: what is shared is compared, what is not stands apart, with the field that differs."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from people_oracle import area_test, stored
from synthetic_results import AGE, ArmSpec, DataSetSpec, store_plan, with_data, write

from bench import cli, report
from bench.core import BenchError, Recipe
from bench.report import index, study_comparison, tables
from bench.report.comparison_stats import compare
from bench.storage.record_store import Store

BASE = [0.70, 0.75, 0.65, 0.72, 0.68]
BETTER = [0.76, 0.80, 0.71, 0.77, 0.74]


def run() -> int:
    """The exit status of the command line."""
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


def results(root, scores, study="toy", data=None, **plan):
    arms = {"base": ArmSpec(scores=BASE), "new": ArmSpec(scores=scores)}
    plan = write(root, arms, data or [DataSetSpec()], study=study, **plan)
    return tables.gather(plan, Store(root))


def test_the_second_is_tested_against_the_first_fold_by_fold(tmp_path):
    found = compare(results(tmp_path / "a", BASE), results(tmp_path / "b", BETTER))[0]
    row = found.frame.set_index("arm").loc["new"]
    assert row["improvement"] == pytest.approx(np.subtract(BETTER, BASE).mean())
    assert row["verdict"] == "better"
    assert found.apart == ()


def test_the_test_is_that_over_people(tmp_path):
    first, second = (gathered(tmp_path / name, skill) for name, skill in (("a", 0.8), ("b", 1.2)))
    found = compare(first, second)[0]
    row = found.frame.set_index("arm").loc["base"]
    sides = [stored(section, "base") for section in found.sections]
    assert row["p"] == pytest.approx(area_test(sides[1], sides[0], 64, 20, 5).p)


def gathered(root, skill):
    return tables.gather(write(root, {"base": ArmSpec(skill)}), Store(root))


def test_lower_errors_are_better(tmp_path):
    errors = [8.0, 8.5, 7.5, 8.2, 7.8]
    sides = [
        tables.gather(
            write(tmp_path / name, {"base": ArmSpec(scores=scores)}, [DataSetSpec("age", AGE)]), Store(tmp_path / name)
        )
        for name, scores in (("a", errors), ("b", [score - 2 for score in errors[::-1]]))
    ]
    row = compare(*sides)[0].frame.iloc[0]
    assert row["improvement"] == pytest.approx(2)
    assert row["verdict"] == "better"


def test_equal_records_are_the_same_and_are_not_tested(tmp_path):
    results(tmp_path, BASE)
    again = results(tmp_path, BASE, study="again")
    found = compare(tables.read("toy", tmp_path), again)[0].frame
    assert set(found["verdict"]) == {"the same records"}
    assert found["p"].isna().all()


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("data fingerprint f / g", lambda plan: with_data(plan, 0, fingerprint="g")),
        ("recipe: steps 1000 / 300", lambda plan: replace(plan, recipe=Recipe(steps=300))),
        ("data: fraction 1.0 / 0.5", lambda plan: with_data(plan, 0, fraction=0.5)),
    ],
)
def test_what_does_not_compare_stands_apart_with_the_field_that_differs(tmp_path, what, change):
    one, other = results(tmp_path / "a", BASE), results(tmp_path / "b", BETTER)
    plan = change(other.plan)
    sections = tuple(replace(s, plan=plan, data=plan.data[0]) for s in other.sections)
    found = compare(one, replace(other, plan=plan, sections=sections))[0]
    assert found.apart == (what,)
    assert found.frame["p"].isna().all()
    assert set(found.frame["verdict"]) == {"not compared: shown apart"}
    assert found.frame["score_b"].tolist() == pytest.approx([np.mean(BASE), np.mean(BETTER)])


def test_other_people_in_the_test_parts_are_detected(tmp_path):
    one, other = results(tmp_path / "a", BASE), results(tmp_path / "b", BETTER, data=[DataSetSpec(people=90)])
    assert compare(one, other)[0].apart == ("the people in the test parts",)


def test_nothing_shared_stops(tmp_path):
    with pytest.raises(BenchError, match="no arm on the same data is in both"):
        compare(results(tmp_path / "a", BASE), results(tmp_path / "b", BASE, data=[DataSetSpec("other")]))


def test_a_study_of_another_protocol_is_refused(tmp_path):
    results(tmp_path / "a", BASE)
    results(tmp_path / "b", BASE, protocol=1)  # written by other code
    with pytest.raises(BenchError, match="was made under protocol 1"):
        study_comparison.read("toy", f"{tmp_path / 'b'}:toy", tmp_path / "a")


def test_the_same_study_in_two_folders_is_compared_on_the_command_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path / "a"))
    results(tmp_path / "a", BASE)
    results(tmp_path / "b", BETTER)
    monkeypatch.setattr("sys.argv", ["bench", "compare", "toy", f"{tmp_path / 'b'}:toy"])
    run()
    out = capsys.readouterr().out
    assert "toy (first) against toy (second)" in out
    assert "1 of 1 shared arms is better" in " ".join(out.split())
    folder = tmp_path / "a" / "comparisons" / "toy--toy"
    assert {path.name for path in folder.iterdir()} == {f"comparison.{end}" for end in ("csv", "md", "html")}
    assert pd.read_csv(folder / "comparison.csv").set_index("arm").loc["new", "verdict"] == "better"
    assert "1 of 1 shared arms is better" in (folder / "comparison.html").read_text()
    assert str(tmp_path) not in (folder / "comparison.html").read_text()
    monkeypatch.setattr("sys.argv", ["bench", "compare", "toy", f"{tmp_path / 'b'}:toy", "--json"])
    run()
    assert json.loads(capsys.readouterr().out)["rows"][0]["verdict"] == "the same records"


@pytest.mark.parametrize("words", [["toy", "absent"], ["toy", "/no/where:toy"]])
def test_what_cannot_be_compared_ends_with_2(tmp_path, monkeypatch, words):
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path))
    results(tmp_path, BASE)
    monkeypatch.setattr("sys.argv", ["bench", "compare", *words])
    assert run() == 2


def test_an_index_leads_to_every_report_and_says_why_one_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path))
    results(tmp_path, BETTER, question="Does <it> help?")
    results(tmp_path, BASE, study="old", protocol=7)
    monkeypatch.setattr("sys.argv", ["bench", "report", "--all"])
    assert run() == 1
    page = (tmp_path / "index.html").read_text()
    assert 'href="toy/report.html"' in page
    assert "Does &lt;it&gt; help?" in page
    assert "correction: new is better than base in AUC." in page
    assert "protocol 7" in page
    assert str(tmp_path) not in page
    assert capsys.readouterr().out.strip().endswith("index.html")


def test_records_of_other_data_than_the_plan_names_are_refused(tmp_path):
    plan = write(tmp_path, {"base": ArmSpec()}, [DataSetSpec()])
    store_plan(tmp_path, with_data(plan, 0, fingerprint="g"))
    with pytest.raises(BenchError, match="differ in the data fingerprint: g planned, f run"):
        report.read("toy", tmp_path)
    store_plan(tmp_path, replace(plan, recipe=Recipe(steps=7)))
    with pytest.raises(BenchError, match=r"differ in the recipe \(steps\): 7 planned, 1000 run"):
        report.read("toy", tmp_path)


def test_studies_are_those_with_a_plan(tmp_path):
    results(tmp_path, BASE)
    (tmp_path / "comparisons").mkdir()
    assert index.studies(tmp_path) == ["toy"]
    with pytest.raises(BenchError, match="no study was run"):
        index.build_all(tmp_path / "nowhere")


def test_a_study_beside_itself_shows_what_a_comparison_looks_like_and_that_nothing_differs(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path / "a"))
    results(tmp_path / "a", BETTER)
    monkeypatch.setattr("sys.argv", ["bench", "compare", "toy", "toy"])
    run()
    out = " ".join(capsys.readouterr().out.split())
    assert "Both sides are the same results of one study, so nothing can differ" in out
    frame = pd.read_csv(tmp_path / "a" / "comparisons" / "toy--toy" / "comparison.csv")
    assert set(frame["verdict"]) == {"the same records"}
