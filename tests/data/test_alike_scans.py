"""Scans of different groups that look like one person's are found, and people who look alike are not."""

from __future__ import annotations

import numpy as np
import pytest
from audit_images import head_slices, noise
from scipy.ndimage import gaussian_filter

from bench.data.audit.alike_scans import alike_scans
from bench.data.audit.person_codes import person_codes, threshold
from bench.data.prepare import prepare


@pytest.fixture
def rng() -> np.random.Generator:
    """The same numbers for every test."""
    return np.random.default_rng(5)


def people(rng: np.random.Generator, count: int) -> np.ndarray:
    """(count, 1, 64, 64) float32: one common head, to which each person adds smooth differences of its own."""
    common = gaussian_filter(rng.normal(size=(64, 64)), 6)
    own = np.stack([gaussian_filter(rng.normal(size=(64, 64)), 2) for _ in range(count)])
    return (common / common.std() + 0.3 * own / own.std())[:, None].astype(np.float32)


def names(count: int) -> list[str]:
    return [f"g{number:03d}" for number in range(count)]


def test_people_with_one_common_shape_are_not_alike(rng):
    images = people(rng, 150)
    assert np.corrcoef(images.reshape(150, -1)).min() > 0.85
    found = alike_scans(images, names(150))
    assert found.searched
    assert (found.pairs, found.clusters) == ((), tuple(names(150)))


@pytest.mark.parametrize("turned", [False, True])
def test_a_second_scan_of_a_person_is_found_with_other_noise_and_contrast(rng, turned):
    images = people(rng, 120)
    again = 0.7 * images[7] + 40 + 0.05 * rng.normal(size=(1, 64, 64))
    images[100] = again[:, :, ::-1] if turned else again
    found = alike_scans(images, names(120))
    (pair,) = found.pairs
    assert {pair.first, pair.second} == {7, 100}
    assert pair.similarity > found.threshold
    assert found.joined(names(120)) == {"g007": ["g007", "g100"]}


def test_neighbouring_slices_are_one_cluster_through_each_other(rng):
    images, who = head_slices(rng, 30, 5)
    clusters = alike_scans(images, names(150)).clusters
    assert {frozenset(np.flatnonzero(np.array(who) == head)) for head in who} == {
        frozenset(np.flatnonzero(np.array(clusters) == cluster)) for cluster in clusters
    }


def test_slices_of_declared_groups_join_nothing(rng):
    images, who = head_slices(rng, 30, 5)
    found = alike_scans(images, who)
    assert found.pairs == ()
    assert found.joined(who) == {}


def test_one_odd_feature_does_not_make_two_people_alike(rng, monkeypatch):
    images = people(rng, 600)
    for row in (10, 400):
        images[row, 0, 20:30, 20:30] += 30  # the same artefact, brighter than everything
    assert alike_scans(images, names(600)).pairs == ()
    monkeypatch.setattr("bench.data.audit.person_codes.CUT", 1e9)
    (pair,) = alike_scans(images, names(600)).pairs
    assert {pair.first, pair.second} == {10, 400}


def test_volumes_are_compared_by_their_middle_slices(rng):
    volumes = gaussian_filter(rng.normal(size=(100, 1, 20, 20, 20)), (0, 0, 1, 1, 1)).astype(np.float32)
    volumes[60] = 2 * volumes[3] + 0.02 * rng.normal(size=(1, 20, 20, 20))
    (pair,) = alike_scans(volumes, names(100)).pairs
    assert {pair.first, pair.second} == {3, 60}


@pytest.mark.parametrize("count", [1, 2, 30])
def test_small_sets_are_not_searched(rng, count):
    images = noise(rng, count)
    images[-1] = images[0]
    found = alike_scans(images, names(count))
    assert not found.searched
    assert found.clusters == tuple(names(count))


def test_the_threshold_rises_in_small_sets_and_with_few_directions():
    assert threshold(10_000, 200) == threshold(300, 150) == 0.75
    assert 0.75 < threshold(100, 50) < threshold(60, 30) < threshold(40, 20) < 1
    assert threshold(30, 15) == threshold(10_000, 10) == threshold(3, 0) == np.inf


def test_codes_are_of_length_one_and_compared_in_strips(rng, monkeypatch):
    codes = person_codes(people(rng, 90))
    monkeypatch.setattr("bench.data.audit.person_codes.STRIP", 90 * 7)
    table = np.concatenate([strip for _, strip in codes.strips()])
    assert np.allclose(np.linalg.norm(codes.plain, axis=1), 1, atol=1e-5)
    expected = np.max([each @ codes.plain.T for each in (codes.plain, *codes.mirrored)], axis=0)
    np.fill_diagonal(expected, -2)
    assert np.allclose(table, expected, atol=1e-6)


def test_constant_images_among_others_are_like_nothing_real(rng):
    images = people(rng, 100)
    images[50] = 3.0
    assert alike_scans(images, names(100)).pairs == ()


def test_people_of_oasis_who_were_scanned_twice_are_found_under_two_names(scans):
    made = prepare("age_oasis", source=scans / "oasis1")
    found = alike_scans(made.images(), made.ids)  # every session under a name of its own
    person = {name: name.partition("_")[0] for name in made.ids}
    right = [pair for pair in found.pairs if person[made.ids[pair.first]] == person[made.ids[pair.second]]]
    assert (len(found.pairs), len(right)) == (21, 20)  # one pair of people has the same brain fold for fold
    assert len(set(made.groups)) == 415
    twins = alike_scans(made.images(), list(person.values()))
    assert [pair.similarity > 0.85 for pair in twins.pairs] == [True]


def test_a_large_set_is_searched_without_comparing_all_and_has_the_same_clusters(rng, monkeypatch):
    images = people(rng, 150)
    images[40] = images[3]
    images[90] = images[3][:, :, ::-1]
    exact = alike_scans(images, names(150))
    monkeypatch.setattr("bench.data.audit.alike_scans.COMPARED", 100)
    found = alike_scans(images, names(150))
    assert found.clusters == exact.clusters
    assert len(found.joined(names(150))) == 1
