"""Audits: planted duplicates, chains and heads are found, and nothing else; every odd file is named."""

from __future__ import annotations

import numpy as np
import pytest
from audit_images import head_slices, noise, odd_files, write
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from bench.core import BenchError
from bench.data.audit import concatenate, findings, from_folder, group_duplicates, recover_identities
from bench.data.audit.image_set import ImageSet
from bench.data.audit.similarity import downsample, feature_vectors, standardise
from bench.data.audit.similarity_graph import Step, chaining_threshold, components, survey


@pytest.fixture
def rng() -> np.random.Generator:
    """The same numbers for every test."""
    return np.random.default_rng(3)


def image_set(vectors: np.ndarray, **columns: tuple[str, ...]) -> ImageSet:
    names = tuple(f"p{at}" for at in range(len(vectors)))
    given = {"sets": ("s",) * len(names), "parts": ("",) * len(names), "labels": ("",) * len(names), **columns}
    return ImageSet(names, groups=names, checksums=names, vectors=vectors, faults=(), oddities=(), **given)


def partition(names) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(np.array(names) == name).tolist()) for name in set(names)}


def test_a_shrunk_image_holds_the_means_of_equal_areas():
    image = np.arange(128 * 192, dtype=np.float32).reshape(128, 192)
    assert np.allclose(downsample(image), image.reshape(64, 2, 64, 3).mean(axis=(1, 3)))
    assert np.allclose(downsample(np.full((100, 37), 7, np.uint8)), 7)
    assert np.allclose(downsample(image[:32, :32]), np.kron(image[:32, :32], np.ones((2, 2))))


def test_products_are_correlations_and_constant_images_are_like_nothing(rng):
    images = rng.integers(0, 255, (6, 1, 64, 64)).astype(np.uint8)
    images[5] = 9
    vectors = feature_vectors(images)
    expected = np.corrcoef(images[:5].reshape(5, -1).astype(float))
    assert np.allclose((vectors @ vectors.T)[:5, :5], expected, atol=1e-6)
    assert not vectors[5].any()


def test_contrast_and_brightness_do_not_hide_a_duplicate(rng):
    images = noise(rng, 3).astype(np.float32)
    images[2] = 0.5 * images[0] + 20
    assert group_duplicates(images, ["a", "b", "c"]) == ("a", "b", "a")


@pytest.mark.parametrize("count", [1, 2, 40])
def test_the_forest_has_the_components_of_all_pairs(rng, count, monkeypatch):
    monkeypatch.setattr("bench.data.audit.similarity.STRIP", 7 * count)  # several strips
    vectors = standardise(rng.normal(size=(count, 5)))
    found = survey(vectors, 0.5)
    assert len(found.pairs) < count or not len(found.pairs)
    alike = vectors.astype(float) @ vectors.T.astype(float)
    for threshold in (0.5, 0.7, 0.9):
        expected = connected_components(csr_array(alike >= threshold), directed=False)[1]
        assert partition(components(count, found.at(threshold))) == partition(expected)


def test_a_threshold_below_the_lowest_is_refused(rng):
    with pytest.raises(ValueError, match="below the lowest"):
        survey(standardise(noise(rng, 3).reshape(3, -1)), 0.9).at(0.8)


def test_the_best_of_each_cell_leaves_the_image_itself_out(rng):
    vectors = standardise(rng.normal(size=(7, 6)))
    cells = np.array([0, 0, 0, 1, 1, 1, 2])
    best = survey(vectors, 0.9, cells).best
    alike = np.corrcoef(vectors) - 4 * np.eye(7)
    expected = np.stack([alike[:, cells == cell].max(axis=1) for cell in range(3)], axis=1)
    assert best[6, 2] == -2
    assert np.allclose(best[:6], expected[:6], atol=1e-5)
    assert np.allclose(best[6, :2], expected[6, :2], atol=1e-5)


def test_declared_groups_with_a_common_duplicate_become_one(rng):
    images = noise(rng, 6)
    images[4] = images[0]
    assert group_duplicates(images, ["c", "c", "x", "b", "b", "y"]) == ("b", "b", "x", "b", "b", "y")
    assert group_duplicates(images, ["c", "c", "x", "b", "b", "y"], threshold=None) == ("b", "b", "x", "b", "b", "y")


def test_a_planted_chain_is_one_component_and_is_warned_of(rng):
    first, last = rng.normal(size=(2, 4096))
    turn = np.linspace(0, np.pi / 2, 60)[:, None]
    vectors = standardise(np.cos(turn) * first + np.sin(turn) * last)
    report = findings(image_set(vectors), 0.98)
    assert report["near"]["largest"] == 60
    assert report["chained"] == 0.995 or report["sweep"][-1]["largest"] == 60
    assert vectors[0] @ vectors[-1] < 0.1


def test_components_chain_where_the_largest_doubles_and_is_large():
    steps = [Step(0.95, 10, 0, 80), Step(0.96, 50, 10, 20), Step(0.97, 70, 60, 4), Step(0.98, 80, 75, 1)]
    assert chaining_threshold(steps, 200) == 0.96
    assert chaining_threshold(steps[1:], 1000) is None


@pytest.mark.parametrize("axes", [0, 1, (0, 1)])
def test_a_mirror_image_is_a_duplicate_unless_excluded(rng, axes):
    images = noise(rng, 4)
    images[2, 0] = np.flip(images[1, 0], axes)
    assert group_duplicates(images, list("abcd")) == ("a", "b", "b", "d")
    assert group_duplicates(images, list("abcd"), mirrored=False) == ("a", "b", "c", "d")
    pictures = image_set(feature_vectors(images), parts=("train", "train", "test", "test"), labels=("x",) * 4)
    (row,) = findings(pictures, 0.98)["held_out"]
    assert [row[key] for key in ("images", "exact", "near", "mirrored", "linked")] == [2, 0, 0, 1, 1]


def test_an_image_that_is_its_own_mirror_image_is_no_pair(rng):
    images = noise(rng, 2)
    images[0, 0, :, 32:] = images[0, 0, :, 31::-1]
    assert group_duplicates(images, ["a", "b"]) == ("a", "b")


def test_volumes_are_joined_if_exact_and_on_request_if_near(rng):
    volumes = rng.integers(0, 200, (4, 1, 20, 22, 18)).astype(np.uint8)
    volumes[1] = volumes[0]
    volumes[3] = volumes[2]
    volumes[3, 0, 10, 11, 9] += 1
    assert group_duplicates(volumes, list("abcd")) == ("a", "a", "c", "d")
    assert group_duplicates(volumes, list("abcd"), near_volumes=True) == ("a", "a", "c", "c")


def test_numbers_and_shapes_that_cannot_be_are_refused(rng):
    with pytest.raises(ValueError, match="3 images, but 2 groups"):
        group_duplicates(noise(rng, 3), ["a", "b"])
    with pytest.raises(ValueError, match=r"expected \(N, C, H, W\)"):
        group_duplicates(noise(rng, 2)[:, 0], ["a", "b"])


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_duplicate_pair_is_ever_in_two_groups_whatever_the_order(data):
    count = data.draw(st.integers(1, 12))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    bases = noise(rng, 3)
    mixed = np.array([data.draw(st.integers(0, 3)) for _ in range(count)])
    images = bases[mixed % 3].astype(np.float32)
    images += np.array([data.draw(st.sampled_from([0, 0, 3, 12, 40])) for _ in range(count)])[:, None, None, None] * (
        rng.normal(size=images.shape)
    )
    names = [data.draw(st.sampled_from("abcdefgh")) for _ in range(count)]
    groups = group_duplicates(images, names)
    alike = np.atleast_2d(np.corrcoef(images.reshape(count, -1)))
    first, second = np.nonzero(alike >= 0.98)
    assert all(groups[one] == groups[other] for one, other in zip(first, second, strict=True))
    assert all(
        groups[one] == groups[other] for one in range(count) for other in range(count) if names[one] == names[other]
    )
    assert all(min(names[at] for at in members) == groups[min(members)] for members in partition(groups))
    order = rng.permutation(count)
    again = group_duplicates(images[order], [names[at] for at in order])
    assert again == tuple(groups[at] for at in order)


def test_planted_heads_are_recovered_and_sure(rng):
    images, who = head_slices(rng, heads=12, slices=8)
    found = recover_identities(images, [f"{at:03}" for at in range(len(images))])
    assert partition(found.groups) == partition(who)
    assert found.sure
    assert found.agreement == 1


def test_unlike_images_have_no_heads_to_find(rng):
    names = [f"{at}" for at in range(20)]
    found = recover_identities(noise(rng, 20), names)
    assert (found.groups, found.sure, found.lowest) == (tuple(names), False, None)


def test_every_odd_file_is_named_and_none_stops_the_audit(tmp_path, rng):
    expected = odd_files(tmp_path, rng)
    found = from_folder(tmp_path, "odd")
    assert {name: reason.split(";")[0].split(":")[0] for name, reason in found.faults} == {
        f"odd/{name}": reason for name, reason in expected["faults"].items()
    }
    assert set(found.names) == {f"odd/{name}" for name in expected["read"]}
    assert dict(found.oddities).keys() == {f"odd/{name}" for name in expected["odd"]}


def test_the_same_pixels_in_another_format_are_an_exact_duplicate(tmp_path, rng):
    image = noise(rng, 1)[0, 0]
    for name in ("Training/a/1.png", "Testing/a/2.bmp", "Testing/b/3.tif"):
        write(tmp_path / name, image)
    write(tmp_path / "Testing/b/4.png", np.stack([image] * 3, axis=2))
    report = findings(from_folder(tmp_path, "s"), 0.98)
    assert report["exact"] == report["exact"] | {
        "groups": 1, "images": 4, "redundant": 3, "across_parts": 1, "across_classes": 1, "across_sets": 0,
    }  # fmt: skip
    assert [(row["class"], row["images"], row["exact"], row["near"], row["linked"]) for row in report["held_out"]] == [
        ("a", 1, 1, 1, 1),
        ("b", 2, 2, 2, 2),
    ]
    assert len(report["exact"]["conflicting_labels"]) == 1


def test_linked_counts_images_that_are_similar_through_others(rng):
    turn = np.arccos(0.985) * np.arange(3)[:, None]
    first, last = standardise(rng.normal(size=(2, 4096)))
    vectors = standardise(np.cos(turn) * first + np.sin(turn) * last)
    pictures = image_set(vectors, parts=("train", "test", "test"), labels=("x",) * 3)
    (row,) = findings(pictures, 0.98)["held_out"]
    assert (row["images"], row["exact"], row["near"], row["linked"]) == (2, 0, 1, 2)


def test_sets_are_compared_with_each_other(tmp_path, rng):
    images = noise(rng, 4)[:, 0]
    for at in range(3):
        write(tmp_path / "one" / "x" / f"{at}.png", images[at])
        write(tmp_path / "two" / "y" / f"{at}.png", images[at + 1])
    report = findings(concatenate([from_folder(tmp_path / name, name) for name in ("one", "two")]), 0.98)
    assert report["exact"]["across_sets"] == 2
    assert [(row["learnt"], row["tested"], row["exact"]) for row in report["held_out"]] == [
        ("one", "two", 2),
        ("two", "one", 2),
    ]


def test_folders_that_are_no_use_are_refused(tmp_path):
    with pytest.raises(BenchError, match="no folder"):
        from_folder(tmp_path / "nowhere", "s")
    with pytest.raises(BenchError, match="no image under"):
        from_folder(tmp_path, "s")
    (tmp_path / "a.png").touch()
    with pytest.raises(BenchError, match="none of the 1 images"):
        from_folder(tmp_path, "s")


def test_a_picture_with_too_many_pixels_is_named_and_not_decoded(tmp_path, rng, monkeypatch):
    write(tmp_path / "a" / "large.png", noise(rng, 1)[0, 0])
    write(tmp_path / "a" / "small.png", noise(rng, 1)[0, 0, :9, :9])
    monkeypatch.setattr("bench.data.readers.grey_images.LIMIT", 100)
    found = from_folder(tmp_path, "s")
    assert found.names == ("s/a/small.png",)
    ((name, reason),) = found.faults
    assert name == "s/a/large.png"
    assert "64 x 64 pixels" in reason


def test_images_and_volumes_are_not_compared(rng):
    with pytest.raises(BenchError, match="cannot be compared with volumes"):
        concatenate([image_set(standardise(rng.normal(size=(2, size)))) for size in (4096, 3 * 4096)])
