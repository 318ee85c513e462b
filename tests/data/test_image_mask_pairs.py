"""Volumes with masks: which belong together, their result on one grid, and errors for those that do not match."""

from __future__ import annotations

import zlib
from pathlib import Path

import bids_trees
import nibabel as nib
import numpy as np
import pytest

from bench import registry
from bench.core import BenchError
from bench.data.prepare import prepare
from bench.data.readers.image_mask_pairs import Grid, Pair, indices, list_pairs, read_alone, read_pair
from bench.data.readers.metaimage import read_mha
from bench.data.readers.nifti import read_scan

LAYOUT = "images and masks"
GRID = Grid(1.0, (24, 24, 24))
WILLIS = {value: at for at, value in enumerate((*range(1, 13), 15), start=1)}  # label of TopCoW -> class


def affine(*steps: float) -> np.ndarray:
    return np.diag([*steps, 1.0])


def ball(shape: tuple[int, ...], steps: tuple[float, ...], radius: float, shift: float = 0.0) -> np.ndarray:
    """1 within `radius` mm of the centre of the volume, moved along the first axis by `shift` mm."""
    axes = [(np.arange(size) - (size - 1) / 2) * step for size, step in zip(shape, steps, strict=True)]
    axes[0] = axes[0] - shift
    return (sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij")) <= radius**2).astype(np.uint8)


def write(root: Path, name: str = "001", mask: np.ndarray | None = None, where: np.ndarray | None = None) -> Pair:
    """A ball of 7 mm in a volume of 24 mm, at 0.5 x 0.5 x 1 mm."""
    shape, steps = (48, 48, 24), (0.5, 0.5, 1.0)
    inside = ball(shape, steps, 7)
    image = bids_trees.write_scan(root / "data" / f"{name}.nii.gz", 10 + 100 * inside, affine(*steps))
    mask = inside if mask is None else mask
    there = bids_trees.write_scan(root / "mask" / f"{name}.nii.gz", mask, affine(*steps) if where is None else where)
    return Pair(name, image, there)


def test_image_and_mask_stay_on_one_another_and_keep_their_size(tmp_path):
    scan = read_pair(write(tmp_path), GRID, {1: 1})
    assert (scan.image.shape, scan.mask.shape, scan.spacing) == ((1, 24, 24, 24), (24, 24, 24), (1.0, 1.0, 1.0))
    assert abs(scan.mask.sum() - 4 / 3 * np.pi * 7**3) < 75
    assert (scan.mask == ball((24, 24, 24), (1, 1, 1), 7)).mean() > 0.99  # but for the surface
    assert ((scan.image[0] > 60) == scan.mask).mean() > 0.999


@pytest.mark.parametrize("mm", [0.7, 1.0, 1.6, 2.0])
def test_a_place_stays_where_it_was_on_every_grid(tmp_path, mm):
    values = ball((40, 30, 20), (1, 1.2, 1.5), 5, shift=8).astype(np.float32)
    size = round(48 / mm)
    found = Grid(mm, (size, size, size)).bring(values, (1, 1.2, 1.5))
    centre = (np.argwhere(found > 0.5).mean(0) - (size - 1) / 2) * mm
    np.testing.assert_allclose(centre, (8, 0, 0), atol=0.15)


def test_growing_voxels_take_means_and_leave_no_aliases():
    board = (np.indices((32, 32, 32)).sum(0) % 2).astype(np.float32)
    found = Grid(2.5, (10, 10, 10)).bring(board, (1.0, 1.0, 1.0))
    assert np.abs(found[2:-2, 2:-2, 2:-2] - 0.5).max() < 0.1


def test_voxels_of_the_right_size_are_only_cropped_and_padded():
    values = np.random.default_rng(0).integers(0, 255, (10, 7, 5)).astype(np.uint8)
    found = Grid(2.0, (8, 9, 5)).bring(values, (2.0, 2.0, 2.0))
    np.testing.assert_array_equal(found[:, 1:8], values[1:9])
    assert (found[:, [0, 8]] == 0).all()


def test_the_mask_does_not_move_the_image(tmp_path):
    one = read_pair(write(tmp_path / "a"), GRID, {1: 1})
    corner = np.zeros((48, 48, 24), np.uint8)
    corner[:8, :8, :8] = 1
    other = read_pair(write(tmp_path / "b", mask=corner), GRID, {1: 1})
    np.testing.assert_array_equal(one.image, other.image)


def test_classes_stay_what_they_are_and_the_largest_share_wins():
    mask = np.zeros((20, 20, 20), np.uint8)
    mask[:10], mask[10:, :10] = 3, 7
    found = Grid(2.0, (10, 10, 10)).bring_classes(mask, (1.0, 1.0, 1.0))
    assert set(np.unique(found)) == {0, 3, 7}
    assert (found[:5] == 3).all()
    assert (found[5:, :5] == 7).all()


def test_labels_become_the_requested_classes():
    mask = np.array([[0.0, 1.0], [12.0, 15.0]], np.float32)
    np.testing.assert_array_equal(indices(mask, {1: 1, 12: 12, 15: 13}, "m"), [[0, 1], [12, 13]])


HOLE = np.zeros((48, 48, 24), np.uint8)
SHIFTED = affine(0.5, 0.5, 1.0)
SHIFTED[0, 3] = 0.3
NEAR = affine(0.5, 0.5, 1.0)
NEAR[0, 3] = 0.2


@pytest.mark.parametrize(
    ("mask", "where", "says"),
    [
        (
            np.ones((48, 48, 23), np.uint8),
            None,
            r"001\.nii\.gz has dimensions \(48, 48, 23\), but its image \(48, 48, 24\)",
        ),
        (None, SHIFTED, r"is up to 0\.30 mm away from its image, more than half a voxel"),
        (None, affine(0.5, 0.5, 1.2), r"is up to 4\.60 mm away from its image"),
        (HOLE + np.float32(0.5), None, "values that are not whole numbers"),
        (HOLE + 2, None, "has the unknown label 2; known labels: 0, 1"),
        (HOLE, None, "is empty: no voxel in it is labelled"),
    ],
    ids=["shape", "shift", "spacing", "fractions", "unknown", "empty"],
)
def test_a_mask_of_another_image_is_reported(tmp_path, mask, where, says):
    with pytest.raises(ValueError, match=says):
        read_pair(write(tmp_path, mask=mask, where=where), GRID, {1: 1})


def test_less_than_half_a_voxel_apart_is_one_place_and_an_empty_mask_may_be_allowed(tmp_path):
    assert read_pair(write(tmp_path / "a", where=NEAR), GRID, {1: 1}).mask.any()
    assert not read_pair(write(tmp_path / "b", mask=HOLE), GRID, {1: 1}, allow_empty=True).mask.any()


def test_a_mask_outside_the_grid_is_reported(tmp_path):
    mask = HOLE.copy()
    mask[:2] = 1
    with pytest.raises(ValueError, match="no voxel within the prepared grid is labelled"):
        read_pair(write(tmp_path, mask=mask), Grid(1.0, (8, 8, 8)), {1: 1})


def _alone(root: Path) -> None:
    (root / "mask" / "002.nii.gz").unlink()


def _orphan(root: Path) -> None:
    (root / "data" / "002.nii.gz").unlink()


def _two(root: Path) -> None:
    (root / "data" / "001.nii").write_bytes(b"")


def _none(root: Path) -> None:
    (root / "mask").rename(root / "truth")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (_alone, r"1 files in .* have no mask of the same name, for example 002\.nii\.gz"),
        (_orphan, r"1 files in .* have no image of the same name"),
        (_two, r"two files of .*data have the id 001: 001\.nii and 001\.nii\.gz|two files of .* have the id 001"),
        (_none, r"0 folders of volumes whose name begins with mask or label .*found: data, truth; expected: images"),
    ],
)
def test_incomplete_pairs_are_refused(tmp_path, spoil, says):
    for name in ("001", "002"):
        write(tmp_path, name)
    spoil(tmp_path)
    with pytest.raises(BenchError, match=says):
        list_pairs(tmp_path, LAYOUT)


def mha(array: np.ndarray, packed: bool = True, cut: int = 0, **more: str) -> bytes:
    """The array as a MetaImage file, its axes to the left, posterior and superior."""
    content = array.tobytes(order="F")
    fields = {
        "ObjectType": "Image",
        "NDims": "3",
        "CompressedData": str(packed),
        "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "Offset": "0 0 0",
        "ElementSpacing": "0.5 0.5 1",
        "DimSize": " ".join(map(str, array.shape)),
        "ElementType": {"u": "MET_UCHAR", "i": "MET_SHORT"}[array.dtype.kind],
        **{"ElementDataFile": "LOCAL", **more},
    }
    fields["ElementDataFile"] = fields.pop("ElementDataFile")  # the last, wherever it was
    head = "".join(f"{name} = {value}\n" for name, value in fields.items()).encode()
    content = zlib.compress(content) if packed else content
    return head + content[: len(content) - cut]


@pytest.mark.parametrize("packed", [True, False])
def test_a_metaimage_is_turned_to_left_right_posterior_anterior(tmp_path, packed):
    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    (tmp_path / "a.mha").write_bytes(mha(array, packed))
    scan = read_scan(tmp_path / "a.mha")
    np.testing.assert_array_equal(scan.image[0], array[::-1, ::-1])
    assert scan.spacing == (0.5, 0.5, 1.0)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"hello", "not a MetaImage file: its header does not end"),
        (mha(HOLE, cut=30), "truncated|not a complete MetaImage"),
        (mha(HOLE, False, cut=30), "truncated: the header states"),
        (mha(HOLE, DimSize="90000 90000 9"), "states more than 2 GiB"),
        (mha(HOLE, DimSize="4 4"), "states 3 dimensions .NDims., but DimSize has 2"),
        (mha(HOLE, ElementType="MET_OTHER"), "has the ElementType 'MET_OTHER'"),
        (mha(HOLE, ElementSpacing="0 1 1"), "an invalid affine"),
        (mha(HOLE, ElementDataFile="other.raw"), "voxels in another file"),
    ],
)
def test_a_broken_metaimage_says_what_is_wrong(tmp_path, content, says):
    (tmp_path / "a.mha").write_bytes(content)
    with pytest.raises(ValueError, match=f"a.mha .*({says})"):
        read_mha(tmp_path / "a.mha")


def test_arteries_are_prepared_from_volumes_of_many_sizes(tmp_path):
    root = tmp_path / "set"
    write(root, "001")
    shape, steps = (30, 26, 20), (0.9, 0.9, 0.9)
    inside = ball(shape, steps, 5)
    bids_trees.write_scan(root / "data" / "002.nii.gz", (200 * inside + 7).astype(np.int16), affine(*steps))
    bids_trees.write_scan(root / "mask" / "002.nii.gz", 255 * inside, affine(*steps))
    there = prepare("artery_cas", {"mm": 1.0, "voxels": (24, 24, 24)}, source=root)
    assert there.images().shape == (2, 1, 24, 24, 24)
    assert [int(mask.max()) for mask in there.masks()] == [1, 1]


def test_arteries_of_topcow_are_one_or_thirteen_and_ct_is_left_alone(tmp_path):
    ring = ball((20, 20, 20), (1, 1, 1), 6)
    ring[ring > 0] = 15
    for kind in ("mr", "ct"):
        bids_trees.write_scan(tmp_path / "imagesTr" / f"topcow_{kind}_001_0000.nii.gz", 9 * ring + 1, affine(1, 1, 1))
        bids_trees.write_scan(tmp_path / "labelsTr" / f"topcow_{kind}_001.nii.gz", ring, affine(1, 1, 1))
    params = {"mm": 1.0, "voxels": (20, 20, 20)}
    (one,) = registry.make("datasets", "artery_cas", params).samples(tmp_path)
    assert (one.id, one.group, one.read().mask.max()) == ("topcow_mr_001", "001", 1)
    willis = registry.make("datasets", "artery_cas", {**params, "classes": "willis"})
    assert (len(willis.task.classes), willis.samples(tmp_path)[0].read().mask.max()) == (14, 13)


@pytest.mark.parametrize("params", [{"mm": 0.1}, {"voxels": (8, 8)}, {"classes": "veins"}])
def test_a_grid_that_cannot_be_is_refused(params):
    with pytest.raises(BenchError, match="artery_cas"):
        registry.make("datasets", "artery_cas", params)


def test_the_real_label_maps_and_crops_are_read(scans):
    folder = scans / "topcow_roi" / "test_assets" / "seg_metrics" / "topcow_roi"
    for number, shape in (("003", (146, 121, 35)), ("014", (130, 125, 32)), ("023", (168, 122, 43))):
        path = folder / f"topcow_mr_roi_{number}.nii.gz"
        region_map = read_scan(path)
        values = region_map.image[0]
        assert (values.shape, region_map.spacing) == (shape, (0.2969, 0.2969, 0.6))
        scan = read_pair(Pair(number, path, path), Grid(0.3, (160, 130, 90)), WILLIS)
        assert 0.9 < (scan.mask > 0).sum() * 0.3**3 / ((values > 0).sum() * 0.2969**2 * 0.6) < 1.1
    images = scans / "topcow_roi" / "task-1-seg" / "test" / "input" / "images"
    crop = read_scan(images / "head-mr-angio" / "example_input_dummy_mra.mha")
    assert (crop.image[0].shape, crop.spacing, crop.image.min() > 0) == ((140, 123, 34), (0.2969, 0.2969, 0.6), True)


@pytest.mark.parametrize(
    ("mm", "shape"), [(2.0, (12, 9, 11)), (2.0, (8, 16, 7)), (3.1, (9, 8, 10)), (1.3, (20, 14, 9))]
)
def test_a_grid_has_the_position_of_its_scan(tmp_path, mm, shape):
    """A plane of brightness in millimetres of the scanner is the same plane on the grid, by the grid's affine."""
    turned = np.array([[0, -2.0, 0, 40], [2.0, 0, 0, -31], [0, 0, 2.0, 7], [0, 0, 0, 1]])  # axes y, -x, z
    voxels = np.stack(np.meshgrid(*map(np.arange, (14, 13, 12)), indexing="ij"))
    world = np.tensordot(turned[:3, :3], voxels, 1) + turned[:3, 3, None, None, None]
    plane = (300 + world[0] + 2 * world[1] - 0.5 * world[2]).astype(np.float32)
    nib.save(nib.Nifti1Image(plane, turned), tmp_path / "a.nii.gz")
    scan = read_alone(tmp_path / "a.nii.gz", Grid(mm, shape))
    inside = np.argwhere(scan.image[0] > 0)
    inside = inside[((inside > 2) & (inside < np.array(shape) - 3)).all(1)]  # blurring and padding change the rim
    there = inside @ scan.affine[:3, :3].T + scan.affine[:3, 3]
    expected = 300 + there @ [1, 2, -0.5]
    np.testing.assert_allclose(scan.image[0][tuple(inside.T)], expected, atol=0.02)
    assert len(inside) > 5


@pytest.mark.parametrize("scale", [1000.0, 0.001])
@pytest.mark.parametrize("least", [0.0, 0.5])
def test_a_scan_of_another_unit_than_its_header_says_is_refused(tmp_path, scale, least):
    array = np.random.default_rng(0).random((24, 24, 24)).astype(np.float32)
    path = bids_trees.write_scan(tmp_path / "a.nii.gz", array, affine(*(2 * scale,) * 3))
    says = (
        "has voxels of 2000 x 2000 x 2000 mm, for a grid of 2 mm; correct their unit" if scale > 1 else "covers 0 x 0"
    )
    with pytest.raises(ValueError, match=says):
        read_alone(path, Grid(2.0, (24, 24, 24), least))
