"""Similar images of large sets are those that comparing all pairs in all pixels finds."""

from __future__ import annotations

import numpy as np
import pytest

from bench.data.audit import near_images, similarity_graph
from bench.data.audit.near_images import near_pairs
from bench.data.audit.similarity import MIRRORS, SIDE, standardise
from bench.data.audit.similarity_graph import ROUNDING, SWEEP, components, survey

HEADS, SLICES = 40, 9


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Slices of heads that change from one to the next; some again in a mirror or exactly, some constant; shuffled."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    common = gaussian_filter(rng.normal(size=(SIDE, SIDE)), 6)
    heads = []
    for _ in range(HEADS):
        ends = [3 * common + gaussian_filter(rng.normal(size=(SIDE, SIDE)), 3) for _ in range(2)]
        heads += [(1 - at) * ends[0] + at * ends[1] for at in np.linspace(0, 1, SLICES)]
    heads = np.stack(heads) + 0.01 * rng.normal(size=(len(heads), SIDE, SIDE))
    more = [np.flip(heads[5], MIRRORS[0] - 1), np.flip(heads[70], (0, 1)), heads[100], np.ones((SIDE, SIDE))]
    every = np.concatenate([heads, more, more[-1:]])
    return standardise(every[rng.permutation(len(every))].reshape(len(every), -1))


def all_pairs(vectors: np.ndarray, lowest: float, mirrored: bool) -> dict[tuple[int, int], float]:
    """The oracle: every product in 64 bits, of every flip."""
    exact = vectors.astype(np.float64)
    alike = exact @ exact.T
    for axes in MIRRORS if mirrored else ():
        flipped = np.flip(exact.reshape(-1, SIDE, SIDE), axes).reshape(exact.shape)
        alike = np.maximum(alike, flipped @ exact.T)
    return {(i, j): alike[i, j] for i, j in np.argwhere(np.triu(alike, 1) >= lowest).tolist()}


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("lowest", [0.9, 0.95, 0.98])
def test_the_pairs_are_those_of_all_products(images, lowest, mirrored):
    pairs, likeness = near_pairs(images, lowest, mirrored)
    expected = all_pairs(images, lowest, mirrored)
    found = dict(zip(map(tuple, pairs.tolist()), likeness, strict=True))
    close = {pair for pair, alike in expected.items() if alike > lowest + ROUNDING}
    assert close <= found.keys()
    assert {pair for pair, alike in found.items() if alike > lowest + ROUNDING} <= expected.keys()
    assert len(expected) > HEADS
    assert all(abs(found[pair] - expected[pair]) < 1e-5 for pair in close)


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_graph_of_a_large_set_is_that_of_all_pairs(images, monkeypatch, mirrored):
    cells = np.arange(len(images)) % 3
    whole = survey(images, SWEEP[0], cells, mirrored)
    monkeypatch.setattr(similarity_graph, "COMPARED", 10)
    monkeypatch.setattr(near_images, "STRIP", 40 * len(images))  # several strips
    found = survey(images, SWEEP[0], cells, mirrored)
    for threshold in SWEEP:
        labels = [components(len(images), graph.at(threshold)) for graph in (whole, found)]
        np.testing.assert_array_equal(*labels)
    reached = np.where(whole.best >= SWEEP[0], whole.best, -2)
    np.testing.assert_allclose(found.best, reached, atol=1e-5)
    alike = images @ images.T
    near = np.take_along_axis(alike, whole.neighbours, axis=1) >= SWEEP[0] + ROUNDING
    if not mirrored:
        np.testing.assert_array_equal(found.neighbours[near], whole.neighbours[near])


def test_few_pairs_are_compared_in_all_pixels(images, monkeypatch):
    compared, candidates = [], near_images._candidates

    def counted(*given):
        for first, second in candidates(*given):
            compared.append(len(first))
            yield first, second

    monkeypatch.setattr(near_images, "_candidates", counted)
    near_pairs(images, 0.98)
    assert sum(compared) < 0.1 * len(images) ** 2 / 2


def test_sets_in_which_nearly_all_are_alike_are_compared_as_small_ones_are(images, monkeypatch):
    whole = survey(images)
    monkeypatch.setattr(similarity_graph, "COMPARED", 10)
    monkeypatch.setattr(near_images, "MOST", 5)
    np.testing.assert_array_equal(survey(images).neighbours, whole.neighbours)


def test_constant_images_are_like_no_other():
    pairs, likeness = near_pairs(np.zeros((5, SIDE * SIDE), np.float32), 0.9)
    assert pairs.shape == (0, 2)
    assert likeness.shape == (0,)
