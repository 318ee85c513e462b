"""The answer in two sentences: it claims what outlasts Holm and nothing else, and says what could not be seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from synthetic_results import AGE, ArmSpec, DataSetSpec, write

from bench.report import tables
from bench.report.conclusions import answers, cautions, mixed_code, one_seed
from bench.report.headline import summary
from bench.storage.record_store import Store

BASE = [0.70, 0.75, 0.65, 0.72, 0.68]
BETTER = [0.76, 0.80, 0.71, 0.77, 0.74]


def headline_of(root, arms, data=None, **plan):
    results = tables.gather(write(root, arms, data or [DataSetSpec()], **plan), Store(root))
    return summary(results, tables.section_tables(results))


def test_a_significant_difference_has_its_direction(tmp_path):
    found = headline_of(tmp_path, {"base": ArmSpec(scores=BASE), "new": ArmSpec(scores=BETTER)})
    words = "1 of 1 planned comparison was significant after Holm's correction: new is better than base in AUC."
    assert found == (words,)


def test_fewer_years_of_error_are_better(tmp_path):
    errors = [8.0, 8.5, 7.5, 8.2, 7.8]
    arms = {"base": ArmSpec(scores=errors), "new": ArmSpec(scores=[score - 2 for score in errors[::-1]])}
    (first,) = headline_of(tmp_path, arms, [DataSetSpec("age", AGE)])
    assert first.endswith("correction: new is better than base in MAE.")


def test_no_difference_comes_with_the_detectable_one(tmp_path):
    arms = {"base": ArmSpec(scores=BASE), "one": ArmSpec(scores=BASE[::-1]), "two": ArmSpec(scores=BASE[1:] + BASE[:1])}
    (first,) = headline_of(tmp_path, arms)
    results = tables.read("toy", tmp_path)
    most = tables.section_tables(results)[0].contrasts["detectable"].max()
    assert first == (
        "No arm differed detectably from base: 0 of 2 planned comparisons were significant after Holm's correction; a"
        f" difference above {most:.3f} in AUC would probably have been found."
    )


def test_a_seen_difference_above_the_detectable_one_is_shown(tmp_path):
    """The detectable difference is that of the test that decides, so a table cannot contradict itself."""
    for number, gain in enumerate(np.linspace(0, 0.2, 8)):
        arms = {"base": ArmSpec(scores=BASE), "new": ArmSpec(scores=[score + gain for score in BASE])}
        arms["other"] = ArmSpec(1.0)
        write(tmp_path / str(number), arms)
        row = tables.section_tables(tables.read("toy", tmp_path / str(number)))[0].contrasts.iloc[0]
        assert (row["improvement"] > row["detectable"]) <= (row["verdict"] == "better")


def test_many_differences_are_counted(tmp_path):
    up = {f"up {n}": ArmSpec(scores=[score + 0.001 * n for score in BETTER]) for n in range(3)}
    (first,) = headline_of(
        tmp_path, {"base": ArmSpec(scores=BASE), **up, "down": ArmSpec(scores=[0.64, 0.70, 0.58, 0.67, 0.61])}
    )
    start = "4 of 4 planned comparisons were significant after Holm's correction: "
    assert first == f"{start}3 for the better and 1 for the worse."


def test_phantoms_support_no_claim_about_brains(tmp_path):
    first, second = headline_of(tmp_path, {"base": ArmSpec(), "new": ArmSpec()}, [DataSetSpec("made", phantom=True)])
    assert first.startswith("On phantoms, ")
    assert second == "Phantoms are made by a program, and nothing here says anything about real scans."


def test_missing_runs_come_first_and_untested_is_not_no_difference(tmp_path):
    first, second = headline_of(tmp_path, {"base": ArmSpec(scores=BASE), "new": ArmSpec(missing=range(5))})
    assert first == "So far none of 1 planned comparison could be tested."
    assert second == "5 of 10 runs are missing, so nothing is final; no test was possible (no fold has both arms)."


def test_a_result_on_some_folds_only_is_not_final(tmp_path):
    better = [*BETTER[:4], float("nan")]
    ups = {f"up {n}": ArmSpec(scores=[score + 0.1 + 0.001 * n for score in better]) for n in range(4)}
    first, *_ = headline_of(tmp_path / "one", {"base": ArmSpec(scores=BASE), "new": ArmSpec(scores=better)})
    assert first.startswith("So far 1 of 1") or first.startswith("1 of 1")
    assert first.endswith("new is better than base in AUC (not final).")
    first, *_ = headline_of(tmp_path / "many", {"base": ArmSpec(scores=BASE), **ups})
    assert first.endswith("4 for the better (4 of them not final).")


def test_an_improvement_below_the_margin_is_reported_as_equivalent(tmp_path):
    first, *_ = headline_of(tmp_path, {"base": ArmSpec(scores=BASE), "new": ArmSpec(scores=BETTER)}, margin=0.1)
    assert first.endswith("new is better than base in AUC (within the margin of equivalence).")


def test_where_the_rest_is_equivalent_nothing_is_said_of_others(tmp_path):
    arms = {
        "base": ArmSpec(scores=BASE),
        "new": ArmSpec(scores=BETTER),
        "same": ArmSpec(scores=[0.71, 0.74, 0.65, 0.73, 0.67]),
    }
    first, *_ = headline_of(tmp_path, arms, margin=0.2)
    assert "1 was equivalent within the declared margin" in first
    assert "would probably have been found" not in first


def test_missing_runs_hide_no_arm_that_learnt_nothing(tmp_path):
    arms = {
        "base": ArmSpec(scores=[0.4, 0.45, 0.41, 0.39, 0.42]),
        "new": ArmSpec(scores=BETTER),
        "late": ArmSpec(missing=[0]),
    }
    arms["chance"] = ArmSpec(scores=[0.5] * 5, family="floor")
    results = tables.gather(write(tmp_path, arms, floors=["chance"]), Store(tmp_path))
    found = tables.section_tables(results)
    rows = [{"arm": "base", "against": "chance", "verdict": "not learnt"}]
    found[0] = replace(found[0], given={"learning": pd.DataFrame(rows)})
    *_, second = summary(results, found)
    assert second.startswith("1 of 20 runs is missing, so nothing is final, and base learnt no more than a floor")


@pytest.mark.parametrize("plan", [{"folds": 1}, {"folds": 1, "seeds": 3}])
def test_one_fold_claims_nothing_however_many_seeds(tmp_path, plan):
    first, second = headline_of(tmp_path, {"base": ArmSpec(scores=BASE), "new": ArmSpec(scores=[0.99] * 5)}, **plan)
    assert first == "None of 1 planned comparison could be tested."
    assert second.startswith("No test was possible")
    assert "better" not in first + second


def test_no_claim_is_made_where_random_labels_were_learnt(tmp_path, monkeypatch):
    arms = {"base": ArmSpec(scores=BASE), "new": ArmSpec(scores=BETTER)}
    controls = {"random_labels": {"arm": "base", "permutations": 20}}
    results = tables.gather(write(tmp_path, arms, **controls), Store(tmp_path))
    found = tables.section_tables(results)
    found[0].controls.loc[0, "passes"] = False
    first, second = summary(results, found)
    assert first.startswith("No claim is made, though 1 of 1 planned comparison would be significant")
    assert second.startswith("The control random labels (base, ad_toy) found something where there is nothing to find")


def test_one_seed_is_mentioned_and_differing_code_is_listed_by_arm(tmp_path, monkeypatch):
    arms = {"base": ArmSpec(scores=BASE), "new": ArmSpec(scores=BETTER)}
    monkeypatch.setattr(
        "synthetic_results.PROVENANCE", {"code": {"commit": "a" * 40, "changed": False, "sources": "s"}}
    )
    write(tmp_path, {"base": arms["base"]})
    monkeypatch.setattr("synthetic_results.PROVENANCE", {"code": {"commit": None, "changed": None, "sources": "t"}})
    (section,) = tables.gather(write(tmp_path, arms), Store(tmp_path)).sections
    assert one_seed(section).startswith("One seed")
    assert mixed_code(section).startswith(
        "Unlike code: 5 runs (base) by commit aaaaaaaaaaaa and 5 runs (new) by sources t."
    )


def test_one_commit_with_other_plug_ins_is_reported(tmp_path, monkeypatch):
    arms = {"base": ArmSpec(scores=BASE), "new": ArmSpec(scores=BETTER)}
    code = {"commit": "a" * 40, "changed": False}
    monkeypatch.setattr("synthetic_results.PROVENANCE", {"code": {**code, "sources": "s"}})
    write(tmp_path, {"base": arms["base"]})
    monkeypatch.setattr("synthetic_results.PROVENANCE", {"code": {**code, "sources": "t"}})
    (section,) = tables.gather(write(tmp_path, arms), Store(tmp_path)).sections
    assert "5 runs (new) by commit aaaaaaaaaaaa with other files of one's own (sources t)" in mixed_code(section)


def code_of(monkeypatch, package="p", **plugins):
    """Records that are written next name this code. plugins: stem of each plug-in file -> checksum."""
    plugins = {f"{name}.py": mark for name, mark in plugins.items()}
    code = {"commit": "a" * 40, "changed": False, "package": package, "sources": str(plugins), "plugins": plugins}
    monkeypatch.setattr("synthetic_results.PROVENANCE", {"code": code})


def test_plug_in_files_that_a_run_does_not_use_are_no_other_code(tmp_path, monkeypatch):
    arms = {"base": ArmSpec(scores=BASE), "new": ArmSpec(scores=BETTER)}
    code_of(monkeypatch, clinic="1")
    write(tmp_path, {"base": arms["base"]})
    code_of(monkeypatch, clinic="1", net="2")
    (section,) = tables.gather(write(tmp_path, arms), Store(tmp_path)).sections
    assert mixed_code(section) == ""


def test_a_plug_in_file_that_differs_between_runs_is_named(tmp_path, monkeypatch):
    arms = {"base": ArmSpec(scores=BASE), "new": ArmSpec(scores=BETTER)}
    code_of(monkeypatch, clinic="1", net="1")
    write(tmp_path, {"base": arms["base"]})
    code_of(monkeypatch, clinic="1", net="2")
    (section,) = tables.gather(write(tmp_path, arms), Store(tmp_path)).sections
    assert mixed_code(section).startswith(
        "Unlike code: 5 runs (base) by commit aaaaaaaaaaaa with net.py (checksum 1) and 5 runs (new) by commit"
        " aaaaaaaaaaaa with net.py (checksum 2). "
    )


def test_another_package_of_one_commit_is_other_code(tmp_path, monkeypatch):
    arms = {"base": ArmSpec(scores=BASE), "new": ArmSpec(scores=BETTER)}
    code_of(monkeypatch, "p", clinic="1")
    write(tmp_path, {"base": arms["base"]})
    code_of(monkeypatch, "q", clinic="1")
    (section,) = tables.gather(write(tmp_path, arms), Store(tmp_path)).sections
    assert "5 runs (new) by commit aaaaaaaaaaaa with package files q" in mixed_code(section)


def test_folds_without_a_score_are_distinguished_from_missing_runs(tmp_path):
    """A test part of one class never has an AUC: the study is complete, and says on how many folds it rests."""
    nan = float("nan")
    arms = {"base": ArmSpec(scores=[*BASE[:4], nan]), "new": ArmSpec(scores=[*BETTER[:4], nan])}
    (found,) = tables.section_tables(tables.gather(write(tmp_path, arms), Store(tmp_path)))
    (row,) = found.contrasts.to_dict("records")
    assert (row["folds"], row["folds_undefined"], row["missing_runs"], row["complete"]) == (4, 1, 0, True)
    assert row["verdict"] == "better; undefined in 1 of 5 folds"
    assert answers(found)[0].endswith("new is better. In 1 of 5 folds the score is undefined.")
    assert any(words.startswith("AUC is undefined in 2 of 10 runs") for words in cautions(found))


def test_without_a_score_in_any_fold_there_is_no_test_but_a_reason(tmp_path):
    arms = {"base": ArmSpec(scores=[float("nan")] * 5), "new": ArmSpec(scores=[float("nan")] * 5)}
    _, second = headline_of(tmp_path, arms)
    assert second == "No test was possible (the score is undefined in every fold)."


def test_arms_that_are_identical_are_not_differences_that_would_be_missed(tmp_path):
    (first,) = headline_of(
        tmp_path, {"base": ArmSpec(scores=BASE), "same": ArmSpec(scores=BASE), "one": ArmSpec(scores=BASE[::-1])}
    )
    assert "above 0.000" not in first
    assert "a difference above 0." in first


def test_equal_or_unknown_code_needs_no_caution(tmp_path):
    (section,) = tables.gather(
        write(tmp_path, {"base": ArmSpec(), "new": ArmSpec()}, seeds=2), Store(tmp_path)
    ).sections
    assert mixed_code(section) == ""
    assert one_seed(section) == ""
