"""A site or a category that is written in two ways is refused by name; it would count as two."""

from __future__ import annotations

from types import SimpleNamespace

import bids_trees
import pytest

from bench.core import BenchError
from bench.data.prepare import prepare
from bench.data.prepare.spellings import check_spellings

CLINIC = SimpleNamespace(floor_covariates=("age", "sex", "site"))


def people(column, values):
    """A sample for every value, of the site or of a covariate."""
    rows = ({"site": value or "", "covariates": {}} if column == "site" else {"site": "", "covariates": {column: value}}
            for value in values)  # fmt: skip
    return [SimpleNamespace(id=f"p{at}", **row) for at, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("site", ("Guys", "HH", "guys"), r"site is 'Guys' of p0 and 'guys' of p2, which would count as two"),
        ("site", ("Guys", "Guys "), r"site is 'Guys' of p0 and 'Guys ' of p1"),
        ("site", ("Guy s", "Guy\u00a0s"), r"site is 'Guy s' of p0 and 'Guy\\xa0s' of p1"),
        ("site", ("\u00e9cole", "e\u0301cole"), "site is 'école' of p0"),
        ("sex", ("F", "M", "f"), r"sex is 'F' of p0 and 'f' of p2"),
        ("sex", ("F", "female"), r"sex is 'F' of p0 and 'female' of p1"),
        ("sex", ("Male", "m"), r"sex is 'Male' of p0 and 'm' of p1"),
        ("sex", (1, 2, "F"), r"the covariate sex has numbers and words: 1 of p0 and 'F' of p2; write one kind"),
        ("age", (61.5, None, "old"), r"numbers and words: 61.5 of p0 and 'old' of p2"),
    ],
)
def test_one_thing_in_two_spellings_is_refused(column, values, says):
    with pytest.raises(BenchError, match=says):
        check_spellings("clinic", CLINIC, people(column, values))


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("site", ("Guys", "Guys", "HH", None)),
        ("site", ("A+", "A-", "1.5T", "15T")),
        ("sex", ("F", "M", None, "F")),
        ("sex", ("female", "male", "other")),
        ("age", (61, 62.5, None)),
        ("group", ("patient", "Patient", 3)),  # not declared, so no method reads it
    ],
)
def test_values_that_differ_are_left_alone(column, values):
    check_spellings("clinic", CLINIC, people(column, values))


def test_preparation_refuses_a_covariate_in_two_spellings(tmp_path):
    root = bids_trees.oasis(tmp_path / "set", 4, sex=["F", "M", "female", "M"])
    with pytest.raises(BenchError, match=r"sex is 'F' of .* and 'female' of .*, which would count as two"):
        prepare("age_oasis", source=root)
