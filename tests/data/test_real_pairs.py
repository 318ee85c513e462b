"""Real scans as pairs to align: ten IXI heads with their regions, and brains of OASIS-1 with classes of grey values."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from bench.data.prepare import prepare
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


def test_brains_have_three_classes_in_the_order_of_their_brightness():
    prepared = prepare("pairs_oasis", {"people": 4, "factor": 3}, Path(ROOT) / "oasis1")
    assert len(set(prepared.groups)) == 2
    for image, mask in zip(prepared.images(), prepared.masks(), strict=True):
        means = [image[0][mask == label].mean() for label in range(4)]
        assert means == sorted(means)
        assert 0.15 < (mask > 0).mean() < 0.6
