"""Warnings while a trial runs: all but those on operations without a deterministic form are shown again."""

from __future__ import annotations

import warnings

import pytest

from bench.experiments import run_trial


def test_what_other_code_left_open_does_not_end_a_trial():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with run_trial._nondeterministic_operations() as names:
            warnings.warn("unclosed file", ResourceWarning, stacklevel=1)
    assert names == set()


def test_other_warnings_of_a_trial_are_shown_again():
    with pytest.warns(UserWarning, match="odd"), run_trial._nondeterministic_operations():
        warnings.warn("odd", UserWarning, stacklevel=1)
