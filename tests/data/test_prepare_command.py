"""The command that messages and reports give to prepare a data set."""

from __future__ import annotations

import pytest

from bench.data.prepare_command import prepare_command


@pytest.mark.parametrize(
    ("name", "params", "source", "expected"),
    [
        ("roi_ixi", {}, "FOLDER", "bench prepare roi_ixi --from FOLDER"),
        ("roi_ixi", {"mm": 2.0}, "FOLDER", "bench prepare roi_ixi --from FOLDER"),  # the default
        ("roi_ixi", {"mm": 6.0}, "/my scans", "bench prepare roi_ixi --set mm=6.0 --from '/my scans'"),
        ("phantom_order", {"effect": 3.0}, "FOLDER", "bench prepare phantom_order --set effect=3.0"),
        ("not_installed", {"plane": "a b"}, "FOLDER", "bench prepare not_installed --set 'plane=a b' --from FOLDER"),
    ],
)
def test_it_has_what_differs_from_the_defaults(name, params, source, expected):
    assert prepare_command(name, params, source) == expected
