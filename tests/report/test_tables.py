"""Tables: known answers, what is missing stays missing, and words that say no more than the numbers."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from people_oracle import area_test, stored
from scipy import stats as oracle
from statsmodels.stats.multitest import multipletests
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


@pytest.mark.parametrize("partitions", [1, 3])
def test_a_contrast_is_the_test_over_people(tmp_path, partitions):
    (found,) = framed(tmp_path, {"base": ArmSpec(1.0), "new": ArmSpec(1.5)}, partitions=partitions)
    row, section = entry(found.contrasts, "new"), found.section
    expected = area_test(stored(section, "new"), stored(section, "base"), 64, 20, 5)
    assert row["improvement"] == pytest.approx(expected.mean)
    assert row["se"] == pytest.approx(expected.se)
    assert row["df"] == pytest.approx(expected.df)
    assert row["p"] == pytest.approx(expected.p)
    assert row["high"] - row["low"] == pytest.approx(2 * oracle.t.ppf(0.975, expected.df) * expected.se)
    assert (row["folds"], row["people"]) == (5 * partitions, 100)


def test_the_corrected_t_test_over_folds_stands_beside_it(tmp_path):
    (found,) = framed(tmp_path, {"base": ArmSpec(scores=BASE), "new": ArmSpec(scores=BETTER)})
    row = entry(found.contrasts, "new")
    se = math.sqrt(np.var(GAINS, ddof=1) * (1 / 5 + 20 / 64))
    assert row["improvement"] == pytest.approx(0.05)
    assert row["se_folds"] == pytest.approx(se)
    assert row["p_folds"] == pytest.approx(2 * oracle.t.sf(0.05 / se, 4))
    assert (row["folds"], row["verdict"]) == (5, "better")


def test_the_detectable_difference_has_a_power_of_four_fifths_after_the_correction(tmp_path):
    arms = {"base": ArmSpec(0.8), **{f"new {n}": ArmSpec(1.0) for n in range(3)}}
    (found,) = framed(tmp_path, arms)
    for row in found.contrasts.to_dict("records"):
        away, critical = row["detectable"] / row["se"], oracle.t.ppf(1 - 0.05 / 3 / 2, row["df"])
        assert row["tests"] == 3
        assert oracle.nct.sf(critical, row["df"], away) == pytest.approx(0.8, abs=0.002)
        assert row["detectable_low"] < row["detectable"] < row["detectable_high"]


def test_differences_and_equivalences_are_one_family(tmp_path):
    arms = {"base": ArmSpec(1.0), "new": ArmSpec(1.0), "other": ArmSpec(1.1)}
    (found,) = framed(tmp_path, arms, margin=0.3)
    rows = found.contrasts
    p = [*rows["p"], *rows["p_equivalence"]]
    expected = multipletests(p, method="holm")[1]
    assert [*rows["p_holm"], *rows["p_equivalence_holm"]] == pytest.approx(list(expected))
    assert set(rows["tests"]) == {4}


def test_tests_that_are_not_primary_are_exploratory(tmp_path):
    arms = {"base": ArmSpec(scores=BASE), **{f"new {n}": ArmSpec(scores=BETTER) for n in range(3)}, "old": ArmSpec(0.5)}
    (found,) = framed(tmp_path, arms, primary=[("old", "base")])
    rows = found.contrasts.set_index("arm")
    assert rows.loc["old", "p_holm"] == pytest.approx(rows.loc["old", "p"])
    explored = rows.drop("old")
    assert explored["p_holm"].isna().all()
    assert list(explored["q"]) == pytest.approx(list(multipletests(explored["p"], method="fdr_bh")[1]))
    assert set(explored["verdict"]) == {"exploratory: better"}


def test_where_lower_is_better_an_improvement_is_a_smaller_error(tmp_path):
    arms = {"base": ArmSpec(scores=[8.0, 8.5, 7.5, 8.2, 7.8]), "new": ArmSpec(scores=[6.0, 6.4, 5.6, 6.3, 5.7])}
    (found,) = framed(tmp_path, arms, [DataSetSpec("age", AGE)])
    row = entry(found.contrasts, "new")
    assert row["improvement"] == pytest.approx(2.0)
    assert row["difference"] == pytest.approx(-2.0)
    assert row["verdict"] == "better"
    assert entry(found.scores, "new")["flattery"] > 0


def test_holm_counts_every_declared_contrast_of_a_kind_the_untested_too(tmp_path):
    arms = {"base": ArmSpec(scores=BASE), "new": ArmSpec(scores=BETTER), "gone": ArmSpec(missing=range(5))}
    both = [DataSetSpec("one"), DataSetSpec("two"), DataSetSpec("made", phantom=True)]
    found = {frames.section.name: frames.contrasts for frames in framed(tmp_path, arms, both)}
    p = [entry(found[name], "new")["p"] for name in ("one", "two")]
    expected = multipletests([*p, 1, 1], method="holm")[1]
    assert entry(found["one"], "new")["tests"] == 4
    assert [entry(found[name], "new")["p_holm"] for name in ("one", "two")] == pytest.approx(list(expected[:2]))
    p = entry(found["made"], "new")["p"]
    assert entry(found["made"], "new")["p_holm"] == pytest.approx(2 * p)
    assert entry(found["one"], "gone")["verdict"] == "not tested: no fold has both arms"


def test_a_contrast_over_some_folds_is_not_final(tmp_path):
    arms = {"base": ArmSpec(scores=BASE), "new": ArmSpec(scores=BETTER, missing=[0])}
    (found,) = framed(tmp_path, arms)
    assert entry(found.contrasts, "new")["verdict"].endswith("not final, 4 of 5 folds")


def test_equivalence_needs_a_margin_and_both_one_sided_tests(tmp_path):
    close = [score + gain for score, gain in zip(BASE, [0.004, -0.004, 0.002, -0.001, 0.001], strict=True)]
    arms = {"base": ArmSpec(scores=BASE), "new": ArmSpec(scores=close)}
    verdicts = [
        entry(framed(tmp_path / str(margin), arms, margin=margin)[0].contrasts, "new")["verdict"]
        for margin in (None, 0.05, 0.001)
    ]
    assert verdicts == ["no difference shown", "equivalent within the margin", "no difference shown"]


def test_the_p_of_equivalence_is_the_larger_of_the_two(tmp_path):
    from bench.evaluation import corrected_interval, equivalence

    found = corrected_interval(np.array(GAINS), 64, 20)
    sides = [oracle.t.sf((found.mean + 0.07) / found.se, 4), oracle.t.cdf((found.mean - 0.07) / found.se, 4)]
    assert equivalence(found, 0.07) == pytest.approx(max(sides))


def test_an_arm_that_scores_the_same_is_called_so(tmp_path):
    (found,) = framed(tmp_path, {"base": ArmSpec(scores=BASE), "twin": ArmSpec(scores=BASE)})
    assert entry(found.contrasts, "twin")["verdict"] == "the same for every person"


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
    plan = {"floors": ["base"], "again": ["new", "new (A/A)"], "partitions": 2}
    results = gathered(tmp_path, {"base": ArmSpec(), "new": ArmSpec(), "no": ArmSpec(refused="cannot")}, **plan)
    (found,) = tables.section_tables(results)
    made = {table.name: table.caption for table in tables.format_tables(found)}
    assert list(made) == ["scores", "contrasts", "controls", "trained", "audit", "cost", "failures"]
    for name in ("scores", "contrasts", "controls", "audit", "cost"):
        for words in ("ad_toy (real)", "Protocol 1", "5 folds", "2 partitions", "1000 optimiser steps of 8 scans"):
            assert words in made[name], (name, words)
    for name in ("scores", "contrasts", "controls", "audit"):
        assert "chosen by validation among the last 5 of 20" in made[name]
    assert "for these trained models" in made["scores"]
    assert "Tested over people" in made["contrasts"]


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
