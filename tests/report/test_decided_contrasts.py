"""The page of what real scans have answered says what the tables of the runs say."""

from __future__ import annotations

import decided_contrasts


def test_the_page_of_answers_agrees_with_the_tables_of_the_runs():
    assert decided_contrasts.PAGE.read_text("utf-8") == decided_contrasts.page()


def test_contrasts_that_are_not_of_real_scans_or_not_whole_are_left_out():
    found = list(decided_contrasts.rows())
    assert found, "the reference runs have primary contrasts on real scans"
    assert not [row["data"] for _, row in found if row["data"].startswith("phantom")]
    assert not [row for _, row in found if row["verdict"].startswith("not tested")]
