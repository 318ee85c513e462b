"""Real scans as pairs to align: ten IXI heads with their regions, and brains of OASIS-1 with classes of grey values."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from bench.data.loader import Normaliser
from bench.data.prepare import prepare
from bench.data.registration_kind import REGISTRATION
from bench.datasets.pairs_ixi import REGIONS

ROOT = os.environ.get("BENCH_TEST_DATA", "")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not ROOT, reason="set BENCH_TEST_DATA to real scans")]


def test_ten_heads_make_five_couples_with_148_regions():
    prepared = prepare("pairs_ixi", {"mm": 6.0}, Path(ROOT) / "ixi10")
    assert (len(prepared.ids), len(set(prepared.people)), len(set(prepared.groups))) == (10, 10, 5)
    assert len(REGIONS) == 148
    assert len(np.unique(prepared.masks())) > 140  # of 6 mm, the smallest are lost
    for couple in set(prepared.groups):
        at = [site for site, group in zip(prepared.sites, prepared.groups, strict=True) if group == couple]
        assert len(at) == 2


def test_training_has_every_ordered_pair_of_the_ten_heads_and_tests_those_inside_couples():
    prepared = prepare("pairs_ixi", {"mm": 6.0}, Path(ROOT) / "ixi10")
    rows, plain = np.arange(10), Normaliser.none(1)
    learnt, tested = (
        REGISTRATION.part(prepared, prepared.images(), rows, plain, "cpu", each) for each in (True, False)
    )
    assert {tuple(pair) for pair in learnt.pairs.tolist()} == {
        (one, other) for one in range(10) for other in range(10) if one != other
    }
    assert len(learnt) == 90
    assert len(tested) == 10  # both orders of five couples
    names = set(learnt.names(np.array(prepared.ids)).tolist())
    assert names == {f"{one} < {other}" for one in prepared.ids for other in prepared.ids if one != other}
    for at in range(0, 90, 17):
        x, labels = learnt.take(np.array([at]))
        fixed, moving = learnt.pairs[at]
        for channel, row in enumerate((fixed, moving)):
            np.testing.assert_array_equal(x[0, channel].numpy(), prepared.images()[row, 0].astype(np.float32))
            np.testing.assert_array_equal(labels[0, channel].numpy(), prepared.masks()[row])


def test_brains_have_three_classes_in_the_order_of_their_brightness():
    prepared = prepare("pairs_oasis", {"people": 4, "factor": 3}, Path(ROOT) / "oasis1")
    assert len(set(prepared.groups)) == 2
    for image, mask in zip(prepared.images(), prepared.masks(), strict=True):
        means = [image[0][mask == label].mean() for label in range(4)]
        assert means == sorted(means)
        assert 0.15 < (mask > 0).mean() < 0.6


def test_brains_of_heads_lie_where_brains_of_the_other_data_set_do():
    heads = prepare("pairs_ixi", {"mm": 12.0, "grid": "brain"}, Path(ROOT) / "ixi10")
    brains = prepare("pairs_oasis", {"people": 10, "factor": 6}, Path(ROOT) / "oasis1")
    assert (heads.shape, heads.spacing) == (brains.shape, brains.spacing)
    mean = brains.images().mean(0).ravel()
    alike = [np.corrcoef(head.ravel(), mean)[0, 1] for head in heads.images()]
    assert min(alike) > 0.8
