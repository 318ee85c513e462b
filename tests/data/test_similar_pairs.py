"""Similar pairs without comparing all: as many as comparing all finds, and far fewer comparisons."""

from __future__ import annotations

import numpy as np
import pytest

from bench.data.audit import similar_pairs as module
from bench.data.audit.similar_pairs import similar_pairs

LEAST, DIRECTIONS = 0.75, 120


def unit(codes):
    return (codes / np.linalg.norm(codes, axis=1, keepdims=True)).astype(np.float32)


def planted(count, pairs, similarity, seed=0):
    """Codes of strangers, the last `pairs` of them so similar to the first ones."""
    rng = np.random.default_rng(seed)
    codes = unit(rng.normal(size=(count, DIRECTIONS)))
    own = codes[:pairs].astype(np.float64)
    other = rng.normal(size=own.shape)
    other -= (other * own).sum(axis=1, keepdims=True) * own
    codes[count - pairs :] = unit(similarity * own + (1 - similarity**2) ** 0.5 * unit(other))
    return codes


def all_pairs(codes, least):
    """The oracle: every product."""
    products = np.triu(codes @ codes.T, 1)
    return set(map(tuple, np.argwhere(products >= least).tolist()))


@pytest.mark.parametrize(("similarity", "recall"), [(0.752, 0.97), (0.8, 0.99), (0.87, 1.0)])
def test_it_finds_what_comparing_all_finds(similarity, recall):
    codes = planted(3000, 400, similarity)
    expected = all_pairs(codes, LEAST)
    pairs, likeness = similar_pairs(codes, (), LEAST)
    found = set(map(tuple, pairs.tolist()))
    assert found <= expected
    assert len(expected) >= 399
    assert len(found) >= recall * len(expected)
    assert likeness == pytest.approx((codes[pairs[:, 0]] * codes[pairs[:, 1]]).sum(axis=1), abs=1e-5)


def test_a_mirrored_scan_is_found_by_the_codes_of_the_mirror_images():
    rng = np.random.default_rng(1)
    plain, mirrored = (unit(rng.normal(size=(500, DIRECTIONS))) for _ in range(2))
    plain[7] = mirrored[3]
    pairs, _ = similar_pairs(plain, (mirrored,), LEAST)
    assert pairs.tolist() == [[3, 7]]


def test_constant_scans_are_like_no_other_and_many_copies_are_one_component():
    codes = np.concatenate([np.zeros((900, DIRECTIONS), np.float32), np.tile(planted(1, 0, 0.5), (700, 1))])
    pairs, likeness = similar_pairs(codes, (), LEAST)
    assert pairs.min() == 900
    assert set(pairs.ravel().tolist()) == set(range(900, 1600))
    assert likeness.min() == pytest.approx(1.0, abs=1e-5)
    assert not len(similar_pairs(codes[:900], (), LEAST)[0])


def test_few_of_all_pairs_are_looked_at(monkeypatch):
    looked, within = [0], module._within

    def counted(order, bucket):
        for first, second in within(order, bucket):
            looked[0] += len(first)
            yield first, second

    monkeypatch.setattr(module, "_within", counted)
    counts = []
    for count in (4000, 16_000):
        looked[0] = 0
        similar_pairs(planted(count, 10, 0.9), (), LEAST)
        counts.append(looked[0])
    assert counts[1] / counts[0] < 4**1.7, "comparing all would be 16 times as much"
