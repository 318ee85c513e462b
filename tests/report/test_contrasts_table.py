"""The table of contrasts: the test over people, its correction, and what could have been detected."""

from __future__ import annotations

import math

import numpy as np
import pytest
from people_oracle import area_test, stored
from scipy import stats as oracle
from statsmodels.stats.multitest import multipletests
from synthetic_results import AGE, MASKS, ArmSpec, DataSetSpec, write

from bench.report import tables
from bench.report.tables.declared_tests import contrast_row
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


def test_an_arm_that_lacks_a_seed_is_compared_by_the_seeds_that_both_have(tmp_path):
    section = gathered(tmp_path, {"base": ArmSpec(1.0), "new": ArmSpec(1.5)}, seeds=2).sections[0]
    for run in section.of("new"):
        if run.place[2] == 1:
            object.__setattr__(run, "record", None)
    row = contrast_row(section, "new", "base")
    expected = area_test(first_seed(section, "new"), first_seed(section, "base"), 64, 20, 5)
    assert (row["improvement"], row["p"]) == pytest.approx((expected.mean, expected.p))
    assert row["missing_runs"] == 5


def first_seed(section, arm):
    runs = sorted((run for run in section.of(arm) if run.place[2] == 0), key=lambda run: run.place)
    kept = [section.predictions(run) for run in runs]
    return [(each["y"], each["selected"][:, 1], each["groups"]) for each in kept]


def test_scores_of_scans_that_are_not_finite_are_not_tested(tmp_path):
    section = gathered(tmp_path, {"base": ArmSpec(1.0), "new": ArmSpec(1.5)}, [DataSetSpec("m", MASKS)]).sections[0]
    run = section.of("new")[0]
    kept = section.predictions(run)
    section._kept[run.cell.key] = {**kept, "scan_scores": np.append(kept["scan_scores"][1:], np.nan)}
    row = contrast_row(section, "new", "base")
    assert math.isnan(row["p"])
    assert row["reason"] == "no predictions are saved for some fold, or they are not finite or of other scans"
