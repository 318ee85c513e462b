"""Structures that are left out of masks: which, how many, and that nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

from bench.data.missing_components import OBJECT, IncompleteMasks, components, left_out, without


def blocks(count: int, classes: int = 1, edge: int = 2) -> np.ndarray:
    """A volume with separate cubes, of classes in turn."""
    mask = np.zeros((4 * count, 6, 6), np.uint8)
    for at in range(count):
        mask[4 * at : 4 * at + edge, 1 : 1 + edge, 2 : 2 + edge] = 1 + at % classes
    return mask


def flood(mask: np.ndarray) -> list[set[tuple[int, ...]]]:
    """The components of a mask, voxel by voxel: neighbours of one class that share a face, an edge or a corner."""
    remaining, found = {tuple(int(each) for each in voxel) for voxel in np.argwhere(mask)}, []
    while remaining:
        border = [remaining.pop()]
        part = set(border)
        while border:
            here = border.pop()
            near = {tuple(np.add(here, np.subtract(step, 1)).tolist()) for step in np.ndindex((3,) * mask.ndim)}
            near = {each for each in near & remaining if mask[each] == mask[here]}
            remaining -= near
            part |= near
            border += near
        found.append(part)
    return found


@pytest.mark.parametrize("shape", [(9, 8, 7), (20, 24)])
def test_components_are_those_of_a_flood_from_voxel_to_voxel(shape):
    rng = np.random.default_rng(1)
    mask = (rng.integers(0, 9, shape) * (rng.random(shape) < 0.3) % 3).astype(np.uint8)
    ours = []
    for each in components(mask, smallest=1):
        start = [part.start for part in each.box]
        voxels = {tuple((place + start).tolist()) for place in np.argwhere(each.inside)}
        assert {int(mask[voxel]) for voxel in voxels} == {each.label}
        assert each.size == len(voxels)
        ours.append(voxels)
    assert sorted(map(sorted, ours)) == sorted(map(sorted, flood(mask)))
    sizes = sorted(each.size for each in components(mask, smallest=4))
    assert sizes == sorted(len(part) for part in flood(mask) if len(part) >= 4)


def test_specks_are_no_structures_and_stay():
    mask = blocks(3)
    mask[0, 5, 5] = 1
    assert [each.size for each in components(mask)] == [OBJECT] * 3
    empty = without(mask, left_out(mask, 1.0, "a"))
    assert np.argwhere(empty).tolist() == [[0, 5, 5]]


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
def test_the_share_is_exact_where_it_can_be_and_exact_on_average_where_not(share):
    assert {len(left_out(blocks(20, 2), share, seed)) for seed in range(9)} == {round(20 * share)}
    few = [len(left_out(blocks(3), share, seed)) for seed in range(600)]
    assert set(few) <= {int(3 * share), int(3 * share) + 1}
    assert np.mean(few) == pytest.approx(3 * share, abs=0.08)
    single = [len(left_out(blocks(1), share, seed)) for seed in range(600)]
    assert np.mean(single) == pytest.approx(share, abs=0.08)


def test_a_smaller_share_leaves_out_some_of_what_a_larger_one_does():
    mask = blocks(9, 3)
    for seed in range(20):
        parts = [{each.box[0].start for each in left_out(mask, share, seed)} for share in (0.1, 0.35, 0.6, 1.0)]
        assert parts[0] <= parts[1] <= parts[2] <= parts[3]
        assert len(parts[3]) == 9


def test_whole_components_go_and_all_others_stay():
    mask = blocks(8, 2)
    chosen = left_out(mask, 0.5, "a")
    incomplete = without(mask, chosen)
    gone = np.argwhere(mask != incomplete)
    assert len(gone) == sum(each.size for each in chosen) == 4 * OBJECT
    assert not incomplete[mask != incomplete].any()
    assert mask.any(axis=(1, 2)).sum() == 16  # the mask itself is untouched


def test_the_choice_depends_on_the_scan_and_the_seed_and_on_nothing_else():
    masks = np.stack([blocks(12)] * 4)
    names = ["a", "b", "c", "d"]

    def read(rows, seed=0, share=0.5, order=(0, 1, 2, 3)):
        kept = IncompleteMasks(masks[list(order)], [0, 1, 2], share, [names[at] for at in order], "set", seed)
        return kept[np.array(rows)]

    first = read([0, 1, 2, 3])
    np.testing.assert_array_equal(first, np.concatenate([read([0]), read([1]), read([2]), read([3])]))
    np.testing.assert_array_equal(first[[2, 1]], read([2, 1]))
    np.testing.assert_array_equal(first[3], masks[3])  # no training scan
    np.testing.assert_array_equal(first[1], read([0], order=(1, 0, 2, 3))[0])  # the name counts, not the row
    assert len({each.tobytes() for each in first[:3]}) == 3
    assert not np.array_equal(first, read([0, 1, 2, 3], seed=1))
    assert len(IncompleteMasks(masks, [0], 0.5, names)) == 4
