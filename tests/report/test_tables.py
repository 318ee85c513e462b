"""Tables: known answers, what is missing stays missing, and words that say no more than the numbers."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from synthetic_results import AGE, ArmSpec, DataSetSpec, write

from bench.core import BenchError
from bench.report import tables
from bench.report.tables import number_format
from bench.report.tables.predictions_table import predictions
from bench.report.tables.scores_table import interval
from bench.storage.record_store import Store

ONE = (DataSetSpec(),)
GAINS = [0.05, 0.06, 0.04, 0.055, 0.045]
BASE = [0.70, 0.75, 0.65, 0.72, 0.68]
BETTER = [score + gain for score, gain in zip(BASE, GAINS, strict=True)]


def gathered(root, arms, data=ONE, **plan):
    return tables.gather(write(root, arms, data, **plan), Store(root))


def framed(root, arms, data=ONE, **plan):
    return tables.section_tables(gathered(root, arms, data, **plan))


def entry(frame, arm):
    return frame[frame["arm"] == arm].iloc[0]


def test_a_score_is_the_mean_over_folds_of_the_selected_point(tmp_path):
    (found,) = framed(tmp_path, {"base": ArmSpec(scores=BASE)})
    row = entry(found.scores, "base")
    assert row["score"] == pytest.approx(0.70)
    assert row["best_of_all"] == pytest.approx(0.74)
    assert row["flattery"] == pytest.approx(0.04)
    assert (row["done"], row["planned"], row["complete"]) == (5, 5, True)


def test_the_interval_holds_the_score_and_narrows_with_people(tmp_path):
    few, many = (
        entry(framed(tmp_path / str(n), {"a": ArmSpec(1.0)}, [DataSetSpec(people=n)])[0].scores, "a") for n in (60, 600)
    )
    assert few["low"] < few["score"] < few["high"]
    assert (many["high"] - many["low"]) < 0.6 * (few["high"] - few["low"])


def test_further_partitions_and_seeds_are_no_further_people(tmp_path):
    once, often = (gathered(tmp_path / str(n), {"a": ArmSpec(1.0)}, partitions=n, seeds=n).sections[0] for n in (1, 3))
    widths = [high - low for low, high, _ in (interval(section, "a") for section in (once, often))]
    assert widths[1] > 0.7 * widths[0]  # nine passes over the same people; as independent ones it were a third


def test_a_missing_run_is_counted_and_flagged_and_never_filled_in(tmp_path):
    results = gathered(tmp_path, {"base": ArmSpec(scores=BASE, missing=[4])})
    (found,) = tables.section_tables(results)
    row = entry(found.scores, "base")
    assert row["score"] == pytest.approx(np.mean(BASE[:4]))
    assert (row["done"], row["open"], row["complete"]) == (4, 1, False)
    scores = tables.format_tables(found)[0]
    assert scores.rows[0][2:4] == ("4/5", "0.705\u2020")
    assert any("incomplete" in note for note in scores.notes)


def test_failed_and_refused_runs_are_listed_with_their_reason(tmp_path):
    arms = {"base": ArmSpec(), "bad": ArmSpec(failed={2: "the loss is nan"}), "no": ArmSpec(refused="wants images")}
    results = gathered(tmp_path, arms)
    (found,) = tables.section_tables(results)
    assert set(found.failures["message"]) == {"the loss is nan", "wants images"}
    table = tables.format_tables(found)[-1]
    assert ("bad", "failed", "1", "2", "RuntimeError: the loss is nan") in table.rows
    assert ("no", "refused", "5", "0, 1, 2, 3, 4", "wants images") in table.rows
    assert math.isnan(entry(found.scores, "no")["score"])


def test_controls_are_judged(tmp_path):
    plan = {"floors": ["base"], "again": ["new", "new (A/A)"], "random_labels": {"arm": "base", "permutations": 20}}
    (found,) = framed(tmp_path, {"base": ArmSpec(0.3), "new": ArmSpec(0.8)}, **plan)
    rows = {row["control"]: row for row in found.controls.to_dict("records")}
    assert list(rows) == ["floor", "A/A", "random labels"]
    blind = rows["random labels"]
    assert (blind["expected"], blind["planned"]) == (0.5, 100)
    assert blind["passes"] == (abs(blind["estimate"] - 0.5) <= 2 * blind["se"])
    assert rows["A/A"]["done"] == 5
    assert rows["A/A"]["passes"] == (rows["A/A"]["p"] >= 0.05)


def test_random_labels_of_an_error_are_judged_by_the_correlation(tmp_path):
    plan = {"random_labels": {"arm": "base", "permutations": 20}}
    (found,) = framed(tmp_path, {"base": ArmSpec(2.0)}, [DataSetSpec("age", AGE)], **plan)
    row = found.controls.iloc[0]
    assert (row["metric"], row["expected"]) == ("correlation", 0.0)


def test_phantom_and_real_never_share_a_table(tmp_path):
    data = [DataSetSpec("made", phantom=True, stand_in_for="absent"), DataSetSpec("scans")]
    results = gathered(tmp_path, {"base": ArmSpec(), "new": ArmSpec()}, data)
    real, phantom = tables.section_tables(results)
    assert (real.section.name, phantom.section.name) == ("scans", "made")
    for found in (real, phantom):
        assert set(found.scores["data"]) == set(found.contrasts["data"]) == {found.section.name}
    assert "absent" in tables.captions.warning(phantom.section)
    assert tables.captions.heading(phantom.section) == "made (phantom)"


def test_every_caption_says_what_the_table_rests_on(tmp_path):
    plan = {"floors": ["base"], "again": ["new", "new (A/A)"], "partitions": 2, "protocol": 2}
    results = gathered(tmp_path, {"base": ArmSpec(), "new": ArmSpec(), "no": ArmSpec(refused="cannot")}, **plan)
    (found,) = tables.section_tables(results)
    made = {table.name: table.caption for table in tables.format_tables(found)}
    assert list(made) == ["scores", "contrasts", "controls", "trained", "audit", "cost", "failures"]
    for name in ("scores", "contrasts", "controls", "audit", "cost"):
        for words in ("ad_toy (real)", "Protocol 2", "5 folds", "2 partitions", "1000 optimiser steps of 8 scans"):
            assert words in made[name], (name, words)
    for name in ("scores", "contrasts", "controls", "audit"):
        assert "chosen among all 20 by the validation score, averaged" in made[name]
    assert "for these trained models" in made["scores"]
    assert "Tested over people" in made["contrasts"]


def test_the_audit_says_where_the_point_lies_and_what_the_former_rule_gives(tmp_path):
    """The stored runs choose step 900 of 1000; by the rule of protocol 1 they score 0.02 less."""
    (found,) = framed(tmp_path, {"base": ArmSpec(scores=BASE)}, protocol=2)
    row = entry(found.scores, "base")
    assert (row["chosen_at"], row["last_five"]) == (pytest.approx(0.9), pytest.approx(0.68))
    audit = next(table for table in tables.format_tables(found) if table.name == "audit")
    shown = dict(zip(audit.columns, audit.rows[0], strict=True))
    assert (shown["Chosen at, %"], shown["Of the last five"]) == ("90", "0.680")
    assert "by the rule of protocol 1" in audit.caption


def test_a_study_of_protocol_1_says_that_its_points_were_among_the_last_five(tmp_path):
    (found,) = framed(tmp_path, {"base": ArmSpec(scores=BASE)}, protocol=1)
    audit = next(table for table in tables.format_tables(found) if table.name == "audit")
    assert "chosen by validation among the last 5 of 20" in audit.caption
    assert "Best of last, on test" in audit.columns
    assert "Of the last five" not in audit.columns
    assert "Of the last five" not in audit.caption


def test_two_data_sets_of_one_name_are_not_mixed(tmp_path):
    plan = write(tmp_path, {"base": ArmSpec()})
    with pytest.raises(BenchError, match="more than once"):
        tables.gather(replace(plan, data=plan.data * 2), Store(tmp_path))


def test_a_study_that_was_not_run_says_how_to_run_it(tmp_path):
    with pytest.raises(BenchError, match="bench run --study absent"):
        tables.read("absent", tmp_path)


def test_predictions_are_tidy_and_without_permuted_labels(tmp_path):
    plan = {"random_labels": {"arm": "base", "permutations": 1}}
    section = gathered(tmp_path, {"base": ArmSpec(1.0)}, **plan).sections[0]
    frame = predictions(section)
    assert len(frame) == 100
    assert frame["id"].is_unique
    assert set(frame["role"]) == {"arm"}
    assert np.allclose(frame["probability_0"] + frame["probability_1"], 1)


def test_markdown_and_latex_are_escaped(tmp_path):
    arms = {"base": ArmSpec(), "a_b & 50 % | $x$ {y} #1": ArmSpec()}
    results = gathered(tmp_path, arms)
    (found,) = tables.section_tables(results)
    scores = tables.format_tables(found)[0]
    latex = tables.latex(scores, "tab:x", "ad_toy")
    assert r"a\_b \& 50 \% \textbar{} \$x\$ \{y\} \#1" in latex
    assert latex.count(r"\begin{") == latex.count(r"\end{")
    assert latex.index(r"\toprule") < latex.index(r"\midrule") < latex.index(r"\bottomrule")
    (line,) = [line for line in tables.markdown(scores).splitlines() if line.startswith("| a\\_b")]
    assert line.replace("\\|", "").count("|") == len(scores.columns) + 1


@pytest.mark.parametrize(
    ("given", "expected"),
    [(-0.1234, "\u22120.123"), (-0.0001, "0.000"), (math.nan, "\u2013"), (math.inf, "\u221e"), (2, "2.000")],
)
def test_numbers_are_set_with_a_real_minus_and_no_minus_zero(given, expected):
    assert number_format.number(given, 3) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [(8060630, "8.06 M"), (580400000, "580 M"), (999.6e6, "1.00 G"), (12, "12"), (2048, "2.05 k")],
)
def test_large_numbers_have_three_digits(given, expected):
    assert number_format.large(given) == expected


@pytest.mark.parametrize(
    "given_text",
    [
        "cannot read /home/bob/data/sub-OAS1_0001_T1w.nii.gz: broken",
        r"C:\Users\bob\scans\OAS1_0001.img is broken",
        "OAS1_0001 is broken; and/or ~/data/oasis too",
        "File '/home/bob/x.py', line 3",
    ],
)
def test_no_folder_and_no_person_is_printed(given_text):
    text = number_format.clean(given_text, {"OAS1_0001"})
    assert "bob" not in text
    assert "0001" not in text
    assert "oasis" not in text or "\u2026/oasis" in text


def test_words_that_are_no_paths_stay():
    assert (
        number_format.clean("5/5 runs, and/or 1e-3 m/s of 12 scans", {"12"}) == "5/5 runs, and/or 1e-3 m/s of 12 scans"
    )


def test_tables_need_neither_torch_nor_ray_nor_drawing():
    program = (
        "import sys, bench.report.tables, bench.report\nassert not {'torch', 'ray', 'matplotlib'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("p", "expected"),
    [(0.0496, "0.0496"), (0.0504, "0.0504"), (0.05, "0.050"), (0.04999999, "<0.050"), (0.0489, "0.049")],
)
def test_a_p_value_shows_on_which_side_of_the_level_it_lies(p, expected):
    assert number_format.probability(p) == expected
    assert number_format.p_is(p).removeprefix("p ").removeprefix("= ").replace(" ", "") == expected


@pytest.mark.parametrize(
    ("sentence", "written"),
    [
        ("<img src=x> is better", r"\<img src=x> is better"),
        ("![x](http://y) and [y](z)", r"!\[x](http://y) and \[y](z)"),
        ("*new*\n\n# old", r"\*new\* # old"),
        ("see `bench <X>`", "see `bench <X>`"),
        ("one ` <b>", r"one \` \<b>"),
    ],
)
def test_a_sentence_holds_nothing_that_markdown_would_carry_out(sentence, written):
    assert tables.prose(sentence) == written
