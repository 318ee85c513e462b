"""A published table of scores by case: means and paired differences equal their closed forms."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import run_command
from scipy.stats import ttest_rel

from bench.core import BenchError
from bench.evaluation.case_differences import case_differences
from bench.report.case_scores import read_case_scores, write_case_report

FLAT = [0.80, 0.70, 0.90, 0.60, 0.75]
GAIN = [0.02, 0.04, 0.01, 0.03, 0.05]
T_975_4 = 2.7764451052  # of a table of Student's t


def long_table() -> pd.DataFrame:
    """Five cases of which the method 3d is better by `GAIN`."""
    rows = [{"case": f"c{at}", "method": "2d", "dice": flat} for at, flat in enumerate(FLAT)]
    rows += [{"case": f"c{at}", "method": "3d", "dice": FLAT[at] + gain} for at, gain in enumerate(GAIN)]
    return pd.DataFrame(rows).sample(frac=1, random_state=0).sort_values("method")


def test_difference_interval_and_p_are_those_of_the_closed_form(capsys, monkeypatch, tmp_path):
    long_table().to_csv("cases.csv", index=False)
    status, text = run_command(capsys, monkeypatch, "score", "cases.csv", "--reference", "2d", "--out", "page")
    assert status == 0
    (row,) = pd.read_csv("page/case-differences.csv").to_dict("records")
    half = T_975_4 * math.sqrt(0.00025) / math.sqrt(5)  # 0.00025: the variance of GAIN
    assert row["mean"] == pytest.approx(0.03)
    assert [row["low"], row["high"]] == pytest.approx([0.03 - half, 0.03 + half])
    assert row["p"] == pytest.approx(ttest_rel(np.add(FLAT, GAIN), FLAT).pvalue)
    assert (row["cases"], row["higher"]) == (5, 5)
    assert "| 3d | 2d | +0.0300 | [0.0104, 0.0496] |" in text
    assert "Their training, their selection, and whether they have seen these cases are unknown" in text
    assert "c0" not in text


def test_a_column_for_each_method_is_read_as_a_row_for_each():
    long_table().to_csv("long.csv", index=False)
    pd.DataFrame({"case": list("abcde"), "2d": FLAT, "3d": np.add(FLAT, GAIN)}).to_csv("wide.csv", index=False)
    long, wide = (read_case_scores(Path(f"{name}.csv"), "dice") for name in ("long", "wide"))
    assert {name: sorted(values) for name, values in long.scores.items()} == {
        name: sorted(values) for name, values in wide.scores.items()
    }


def test_cases_and_methods_may_be_called_none_or_na():
    rows = "case,method,dice\nNA,None,0.1\nNA,null,0.2\nn/a,None,0.3\nn/a,null,0.5\n"
    Path("cases.csv").write_text(rows)
    found = read_case_scores(Path("cases.csv"))
    assert {name: values.tolist() for name, values in found.scores.items()} == {"None": [0.1, 0.3], "null": [0.2, 0.5]}


def test_a_method_may_be_called_score():
    Path("cases.csv").write_text("case,score,other\na,0.1,0.2\nb,0.3,0.5\n")
    assert list(read_case_scores(Path("cases.csv")).scores) == ["score", "other"]


def test_one_case_has_means_and_no_interval(tmp_path):
    Path("cases.csv").write_text("case,2d,3d\na,0.1,0.2\n")
    text = write_case_report(read_case_scores(Path("cases.csv")), "", tmp_path / "page").read_text()
    assert "| 3d | 1 | 0.2000 |" in text


def test_several_methods_share_the_correction_of_holm():
    rng = np.random.default_rng(0)
    scores = {name: rng.normal(0.5, 0.1, 30) + at / 20 for at, name in enumerate("abc")}
    first, second = sorted(case_differences(scores, "a"), key=lambda each: each.p)
    assert first.p_holm == pytest.approx(min(1, 2 * first.p))
    assert second.p_holm == pytest.approx(max(second.p, first.p_holm))


def test_methods_that_never_differ_have_no_test():
    (same,) = case_differences({"a": np.array([0.1, 0.2]), "b": np.array([0.1, 0.2])}, "a")
    assert same.mean == 0
    assert math.isnan(same.p)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t: t.iloc[1:], "lacks 1 of 5 cases"),
        (lambda t: pd.concat([t, t.head(1)]), "has a case twice"),
        (lambda t: t.assign(dice=np.nan), "not a finite number"),
        (lambda t: t.assign(hd95=1.0), "name it with --metric"),
        (lambda t: t.drop(columns="case"), "no column `case`"),
        (lambda t: t[t["method"] == "2d"], "give two or more"),
        (
            lambda t: t[t["method"] == "2d"][["case", "dice"]].rename(columns={"dice": "score"}),
            "give a column `method`",
        ),
        (lambda t: t.assign(dice=t["dice"].astype(str).replace("0.9", "")), "by 2d is '', not a finite number"),
    ],
)
def test_tables_that_cannot_be_compared_are_refused(spoil, words, tmp_path):
    spoil(long_table()).to_csv(tmp_path / "cases.csv", index=False)
    with pytest.raises(BenchError, match=words):
        write_case_report(read_case_scores(tmp_path / "cases.csv"), "", tmp_path / "page")
