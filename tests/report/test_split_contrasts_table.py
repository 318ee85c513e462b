"""One split of a data set against another: the rows, what they say, and what they refuse."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from people_oracle import area_test, stored
from statsmodels.stats.multitest import multipletests
from synthetic_results import AGE, ArmSpec, DataSetSpec, store_plan, with_data, write

from bench.evaluation import FoldDifference, SplitScores, contributions, split_test
from bench.evaluation.bootstrap import inflation
from bench.evaluation.metrics import METRICS
from bench.report import tables
from bench.report.conclusions import answers
from bench.report.figures.splits_figure import draw_splits
from bench.report.headline import summary
from bench.storage.record_store import Store

PAIR = (("ad_toy@publisher", "ad_toy"),)
ARMS = {"constant": ArmSpec(0.0, family="floor"), "lin": ArmSpec(0.6), "net": ArmSpec(1.2)}


def publishers(root, arms=ARMS, people=200, task=None, **plan):
    """A data set with one fold of a publisher's split and five folds."""
    more = {} if task is None else {"task": task}
    data = [DataSetSpec(name, people=people, **more) for name in ("ad_toy@publisher", "ad_toy")]
    entries = {"split_contrasts": PAIR, "blind": ("constant",), "floors": ("constant",), "partitions": 4, **plan}
    made = with_data(write(root, arms, data, **entries), 0, folds=1, partitions=1, split="publisher", data="ad_toy")
    kept = [c for c in made.cells if c.data == "ad_toy" or (c.fold, c.partition) == (0, 0)]
    made = replace(made, cells=tuple(kept))
    store_plan(root, made)
    return tables.gather(made, Store(root))


def sections(results):
    return {found.section.name: found for found in tables.section_tables(results)}


def split_scores(section, arm, sharing):
    folds = []
    for at, (y, scores, people) in enumerate(stored(section, arm)):
        made = contributions(METRICS["auc"], y, np.column_stack([1 - scores, scores]))
        gap = made.values[y == 1].mean()
        folds.append(FoldDifference(*divmod(at, 5), gap, made.values, made.strata, people))
    return SplitScores(folds, sharing)


def test_every_arm_that_reads_scans_has_a_row_that_is_the_test_of_two_splits(tmp_path):
    found = sections(publishers(tmp_path))
    rows = found["ad_toy@publisher"].splits
    assert list(rows["arm"]) == ["lin", "net"]
    assert len(found["ad_toy"].splits) == 0
    learnt, apart = inflation(5, 128 / (40 * 16)) - 1, 4 / 5
    repeated = 1 + learnt * (1 + 3 * apart) / (1 + 3 * apart * learnt)  # of four partitions
    sharing = 1 + 40 / 128, repeated
    for row in rows.to_dict("records"):
        sides = [split_scores(found[name].section, row["arm"], s) for name, s in zip(PAIR[0], sharing, strict=True)]
        expected = split_test(*sides)
        assert (row["improvement"], row["se"], row["p"]) == pytest.approx((expected.mean, expected.se, expected.p))
        assert row["score"] - row["score_over"] == pytest.approx(row["improvement"])
        assert (row["people"], row["people_shared"], row["folds"]) == (200, 40, 21)
        assert row["training_from"] == "borrowed from the other split"


def test_splits_and_contrasts_share_the_correction(tmp_path):
    found = sections(publishers(tmp_path))
    frames = [found[name].contrasts for name in ("ad_toy@publisher", "ad_toy")] + [found["ad_toy@publisher"].splits]
    rows = [row for frame in frames for row in frame.to_dict("records")]
    p = [1.0 if math.isnan(row["p"]) else row["p"] for row in rows]
    expected = multipletests(p, method="holm")[1]
    holm = [row["p_holm"] for row in rows]
    assert [each for each in holm if not math.isnan(each)] == pytest.approx(
        [e for e, row in zip(expected, rows, strict=True) if not math.isnan(row["p"])]
    )
    assert {row["tests"] for row in rows} == {len(rows)}


def test_a_primary_pair_of_splits_makes_the_contrasts_of_arms_exploratory(tmp_path):
    found = sections(publishers(tmp_path, primary=PAIR))
    rows = found["ad_toy@publisher"].splits
    assert set(rows["tests"]) == {2}
    assert list(rows["p_holm"]) == pytest.approx(list(multipletests(rows["p"], method="holm")[1]))
    assert not found["ad_toy"].contrasts["primary"].any()


def leaking(root, **plan):
    arms = {"constant": ArmSpec(0.0, family="floor"), "lin": ArmSpec(0.6)}
    results = publishers(root, arms, people=1000, primary=PAIR, **plan)
    (section,) = [each for each in results.sections if each.name == "ad_toy@publisher"]
    (run,) = section.of("lin")
    kept = dict(section.predictions(run))
    kept["selected"] = np.column_stack([1 - kept["y"], kept["y"]]) * 0.8 + 0.1  # it knows everybody
    section._kept[run.cell.key] = kept
    run.record.metrics["selected"]["auc"] = 1.0
    return results


def test_a_split_that_scores_higher_is_claimed_in_words(tmp_path):
    results = leaking(tmp_path)
    found = tables.section_tables(results)
    first, *_ = summary(results, found)
    shown = "lin is better on ad_toy@publisher than on ad_toy in AUC."
    start = "On ad_toy@publisher (real data), 1 of 1 planned comparison was significant after Holm's correction"
    assert first == f"{start}: {shown}"
    (publisher,) = [each for each in found if each.section.name == "ad_toy@publisher"]
    sentence = answers(publisher)[-1]
    assert sentence.startswith("lin on ad_toy@publisher scored 0.")
    assert "higher than lin on ad_toy in AUC, over 1000 people, 200 of them under both splits" in sentence
    assert sentence.endswith("Its variance of training: borrowed from the other split.")


def test_the_table_the_caption_and_the_figure_have_the_rows(tmp_path):
    publisher = sections(leaking(tmp_path))["ad_toy@publisher"]
    (table,) = [each for each in tables.format_tables(publisher) if each.name == "splits"]
    (row,) = table.rows
    assert row[:2] == ("lin", "ad_toy")
    assert row[-2:] == ("borrowed from the other split", "better")
    assert "Holm: over the 1 primary test" in table.caption
    assert "a quarter of its degrees of freedom" in table.caption
    figure = draw_splits(publisher.section, publisher.splits)
    words = [text.get_text() for text in figure.findobj(lambda each: hasattr(each, "get_text"))]
    assert any(word.startswith("AUC: ad_toy@publisher over ad_toy") for word in words)


def test_lower_errors_are_better_under_a_split_too(tmp_path):
    arms = {"lin": ArmSpec(scores=[2.0] * 5)}
    found = sections(publishers(tmp_path, arms, task=AGE, blind=(), floors=()))
    (row,) = found["ad_toy@publisher"].splits.to_dict("records")
    assert row["improvement"] == pytest.approx(row["score_over"] - row["score"])


def test_several_seeds_of_the_one_fold_show_how_trainings_vary(tmp_path):
    found = sections(publishers(tmp_path, seeds=3, partitions=1))
    assert set(found["ad_toy@publisher"].splits["training_from"]) == {"borrowed, and its seeds"}


def test_two_splits_with_one_training_each_are_not_tested(tmp_path):
    results = publishers(tmp_path)
    plan = with_data(results.plan, 1, folds=1, partitions=1)
    plan = replace(plan, cells=tuple(cell for cell in plan.cells if (cell.fold, cell.partition) == (0, 0)))
    found = sections(tables.gather(plan, Store(tmp_path)))
    verdicts = set(found["ad_toy@publisher"].splits["verdict"])
    assert verdicts == {
        "not tested: each split has one training: how trainings vary is unknown; train with several seeds"
    }


def test_one_training_beside_five_is_not_tested(tmp_path):
    rows = sections(publishers(tmp_path, partitions=1))["ad_toy@publisher"].splits
    assert rows["verdict"].str.startswith("not tested: one training under a split, and fewer than 20").all()
    assert rows["improvement"].notna().all()


def test_a_split_without_a_run_is_not_tested(tmp_path):
    arms = {**ARMS, "net": ArmSpec(missing=range(5))}
    rows = sections(publishers(tmp_path, arms))["ad_toy@publisher"].splits.set_index("arm")
    assert rows.loc["net", "verdict"].startswith("not tested: the score is undefined, or no run is done")
    assert rows.loc["lin", "complete"]


def test_splits_that_test_the_same_scans_are_tested_fold_by_fold(tmp_path):
    """A part of the training people against all of them: the pairs are those of the test of contrasts."""
    data = [DataSetSpec("ad_toy@25", people=100), DataSetSpec("ad_toy", people=100)]
    pair = (("ad_toy@25", "ad_toy"),)
    plan = write(tmp_path, {"lin": ArmSpec(0.6), "net": ArmSpec(1.2)}, data, split_contrasts=pair)
    plan = with_data(plan, 0, fraction=0.25, data="ad_toy")
    found = sections(tables.gather(plan, Store(tmp_path)))
    row = found["ad_toy@25"].splits.set_index("arm").loc["lin"]
    ours, theirs = (stored(found[name].section, "lin") for name in pair[0])
    expected = area_test(ours, theirs, 64, 20, 5)
    assert (row["improvement"], row["se"], row["p"]) == pytest.approx((expected.mean, expected.se, expected.p))
    assert (row["people"], row["people_shared"]) == (100, 100)


def test_no_interval_of_a_difference_of_splits_leaves_the_range_of_the_metric(tmp_path):
    """Two people a class in the publisher's test part: the interval would be wider than the AUC allows."""
    rows = sections(publishers(tmp_path, people=20))["ad_toy@publisher"].splits
    assert rows["low"].min() == -1.0 or rows["high"].max() == 1.0
    assert rows["low"].between(-1, 1).all()
    assert rows["high"].between(-1, 1).all()
