"""Raw scans to canonical arrays: what is stored, what is left out with a note, and what changes a fingerprint."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import bids_trees
import numpy as np
import pytest

from bench.core import BenchError, RunAbortedError, Split, paths
from bench.data import splits
from bench.data.prepare import fingerprint, open_prepared, pipeline, prepare


def left_behind() -> list[str]:
    folder = paths.data_root() / "prepared"
    return [path.name for path in folder.iterdir() if path.name.startswith(".")] if folder.is_dir() else []


def test_scans_become_one_array_with_an_index(tmp_path):
    observed = []
    made = prepare(
        "ad_oasis", source=bids_trees.oasis(tmp_path / "oasis"), progress=lambda *each: observed.append(each)
    )
    images = made.images()
    assert (images.shape, images.dtype) == ((4, 1, 91, 109, 91), np.uint8)
    assert isinstance(images, np.memmap)
    assert not images.flags.writeable
    assert images[:, 0, 50, 50, 50].tolist() == [100, 101, 102, 103]
    assert (images[2, 0, -1, 0, 0], images[2, 0, 0, 0, 0]) == (10, 102)  # turned to RAS
    assert made.ids == tuple(f"sub-{n}_ses-01" for n in range(4))
    assert made.targets.tolist() == [0.0, 1.0, 0.0, 1.0]
    assert made.strata == ("CDR 0", "CDR > 0") * 2
    assert made.covariates["age"] == [70.0, 71.0, 72.0, 73.0]
    assert made.masks() is None
    assert made.truth() is None
    assert observed == [(n, 4) for n in range(1, 5)]
    assert made.manifest["found"] == {"samples": 4, "groups": 4, "CDR 0": 2, "CDR > 0": 2}
    assert made.manifest["notes"][0] == "4 samples found, 198 expected"
    assert left_behind() == []


def test_prepared_data_are_opened_and_not_prepared_again(tmp_path, monkeypatch):
    root = bids_trees.oasis(tmp_path / "oasis")
    first = prepare("ad_oasis", source=root)
    monkeypatch.setattr(pipeline, "_fill", None)
    assert prepare("ad_oasis", source=root).fingerprint == first.fingerprint
    assert prepare("ad_oasis").fingerprint == fingerprint("ad_oasis") == first.fingerprint
    assert open_prepared("ad_oasis").spec == first.spec
    assert first.spec.params == {"age": 60.0}
    assert fingerprint("ad_oasis", {"age": 65.0}) is None
    assert open_prepared("ad_oasis", {"age": 65.0}) is None


def test_other_scans_or_other_labels_give_another_fingerprint(tmp_path):
    root = bids_trees.oasis(tmp_path / "oasis")
    marks = [prepare("ad_oasis", source=root).fingerprint]
    bids_trees.write_scan(bids_trees.scan_path(root, "sub-2"), bids_trees.volume(value=77))
    marks.append(prepare("ad_oasis", source=root).fingerprint)
    assert open_prepared("ad_oasis").images()[2].max() == 77
    table = root / "sessions.tsv"
    table.write_text(table.read_text().replace("\t0.5\t", "\t0.0\t", 1))
    marks.append(prepare("ad_oasis", source=root).fingerprint)
    bids_trees.oasis(root)
    assert len(set(marks)) == 3
    assert prepare("ad_oasis", source=root).fingerprint == marks[0]
    assert left_behind() == []


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _nan(path: Path) -> None:
    array = bids_trees.volume(dtype=np.float32)
    array[3, 3, 3] = np.nan
    bids_trees.write_scan(path, array)


def _linked(path: Path) -> None:
    away = path.parents[4] / "away.nii.gz"
    path.rename(away)
    path.symlink_to(away)


FAULTS = {
    "gzip file truncated": _truncate,
    "1 voxels that are NaN or infinite": _nan,
    "expected about \\(91, 109, 91\\)": lambda path: bids_trees.write_scan(path, bids_trees.volume((40, 109, 91))),
    "has 4 dimensions, expected 3": lambda path: bids_trees.write_scan(path, bids_trees.volume((91, 109, 91, 2))),
    "spacing of \\(1.0, 2.0, 2.0\\) mm, expected": lambda path: bids_trees.write_scan(
        path, bids_trees.volume(), np.diag([1.0, 2.0, 2.0, 1.0])
    ),
    "every voxel is 0": lambda path: bids_trees.write_scan(path, bids_trees.volume(value=0)),
    "no file sub-1_ses-01_T1w.nii.gz": lambda path: path.unlink(),
    "links to a file outside the data folder": _linked,
    "link to itself|symbolic links": lambda path: (path.unlink(), path.symlink_to(path.name)),
}


@pytest.mark.parametrize("says", FAULTS)
def test_a_broken_scan_is_named_and_left_out_and_the_rest_goes_on(tmp_path, says):
    root = bids_trees.oasis(tmp_path / "oasis", 3)
    FAULTS[says](bids_trees.scan_path(root, "sub-1"))
    with pytest.raises(
        RunAbortedError, match=rf"(?s)1 of 3 scans .*sub-1_ses-01 \(sub-1/ses-01.*({says}).*--skip-broken"
    ):
        prepare("ad_oasis", source=root)
    assert open_prepared("ad_oasis") is None
    made = prepare("ad_oasis", source=root, skip_broken=True)
    assert made.ids == ("sub-0_ses-01", "sub-2_ses-01")
    assert made.images()[:, 0, 50, 50, 50].tolist() == [100, 102]
    (broken,) = made.manifest["broken"]
    assert broken["id"] == "sub-1_ses-01"
    assert broken["files"] == ["sub-1/ses-01/anat/sub-1_ses-01_T1w.nii.gz"]
    assert re.search(says, broken["reason"])
    assert "1 scans cannot be used and are left out; manifest.json lists them with reasons" in made.manifest["notes"]


def test_scans_of_slightly_other_sizes_are_cropped_or_padded_with_a_note(tmp_path):
    root = bids_trees.oasis(tmp_path / "oasis", 2)
    bids_trees.write_scan(bids_trees.scan_path(root, "sub-0"), bids_trees.volume((93, 105, 91)))
    made = prepare("ad_oasis", source=root)
    image = made.images()[0, 0]
    added = image[:, [0, 1, -2, -1]]
    assert added.min() == added.max() == 100  # the background of this scan
    assert image[:, 2:-2].min() == 100
    assert made.manifest["fitted"] == [{"id": "sub-0_ses-01", "from": "93 x 105 x 91"}]
    assert "1 scans were cropped or padded to 91 x 109 x 91" in made.manifest["notes"]


def test_one_scan_of_another_type_makes_all_of_them_float(tmp_path):
    root = bids_trees.oasis(tmp_path / "oasis", 2)
    bids_trees.write_scan(bids_trees.scan_path(root, "sub-1"), bids_trees.volume(dtype=np.int16, value=-1000))
    images = prepare("ad_oasis", source=root).images()
    assert images.dtype == np.float32
    assert images[:, 0, 50, 50, 50].tolist() == [100.0, -1000.0]


def test_nothing_usable_stops_with_the_reasons(tmp_path):
    root = bids_trees.oasis(tmp_path / "oasis", 1)
    _truncate(bids_trees.scan_path(root, "sub-0"))
    with pytest.raises(
        RunAbortedError, match=r"none of the 1 scans of ad_oasis can be used:\s+sub-0_ses-01 .*truncated"
    ):
        prepare("ad_oasis", source=root, skip_broken=True)
    assert open_prepared("ad_oasis") is None


@pytest.mark.parametrize("fault", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_leaves_what_was_there_before(tmp_path, fault):
    root = bids_trees.oasis(tmp_path / "oasis", 3)
    before = prepare("ad_oasis", source=root)
    bids_trees.write_scan(bids_trees.scan_path(root, "sub-0"), bids_trees.volume(value=7))

    def interrupt(done: int, _: int) -> None:
        if done == 2:
            raise fault

    with pytest.raises(fault):
        prepare("ad_oasis", source=root, progress=interrupt)
    assert fingerprint("ad_oasis") == before.fingerprint
    assert prepare("ad_oasis", source=root).images()[0].max() == 7
    assert left_behind() == []


def test_a_missing_source_says_what_to_run(tmp_path):
    with pytest.raises(BenchError, match="run: bench prepare ad_oasis --from FOLDER"):
        prepare("ad_oasis")
    with pytest.raises(BenchError, match=r"no folder .*nowhere; ad_oasis expects: a BIDS tree"):
        prepare("ad_oasis", source=tmp_path / "nowhere")
    with pytest.raises(BenchError, match="no scan of ad_oasis"):
        prepare("ad_oasis", source=bids_trees.oasis(tmp_path / "young", 1, age=[20]))


def test_masks_are_stored_next_to_the_images(mine):
    mine("mask = (image[0] > 10 * i).astype(int)", "segmentation", "float('nan')")
    made = prepare("mine")
    assert (made.masks().shape, made.masks().dtype) == ((3, 4, 4, 4), np.uint8)
    assert made.masks()[1].sum() == 53
    assert np.isnan(made.targets).all()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("mask = np.full((4, 4, 4), 2) if i == 1 else np.zeros((4, 4, 4))", "outside the class indices 0 to 1"),
        ("mask = np.zeros((4, 4, 3 + (i != 1)))", "has a mask of dimensions"),
        ("mask = None if i == 1 else np.zeros((4, 4, 4))", "has no mask, but other scans do"),
    ],
)
def test_a_mask_that_cannot_be_is_a_fault_of_its_scan(mine, body, says):
    mine(body, "segmentation", "float('nan')")
    (broken,) = prepare("mine", skip_broken=True).manifest["broken"]
    assert broken["id"] == "s1"
    assert says in broken["reason"]


@pytest.mark.parametrize(
    ("kind", "target", "says"),
    [
        (
            "classification",
            "i",
            r"mine: 1 targets .*, for example 2(\.0)? of s2; a target must be a class index, 0 to 1: ",
        ),
        ("regression", "float('nan')", r"mine: 3 targets .*, for example nan of s0; a target must be a finite number"),
    ],
)
def test_targets_are_what_the_task_predicts(mine, kind, target, says):
    mine(kind=kind, target=target)
    with pytest.raises(BenchError, match=says):
        prepare("mine")


def test_the_number_of_threads_changes_nothing(tmp_path):
    params = {"subjects": 4, "mm": 12.0}
    first = prepare("phantom_ad", params, workers=1)
    first.folder.rename(tmp_path / "aside")
    assert prepare("phantom_ad", params, workers=4).fingerprint == first.fingerprint


def test_a_fingerprint_needs_neither_numpy_nor_anything_heavy(tmp_path):
    made = prepare("phantom_ad", {"subjects": 2, "mm": 12.0})
    code = (
        "import sys; from bench.data.prepare import fingerprint; "
        "print(fingerprint('phantom_ad', {'subjects': 2, 'mm': 12.0})); "
        "print([name for name in ('torch', 'ray', 'pandas', 'sklearn', 'nibabel', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == [made.fingerprint, "[]"]


def test_all_real_scans_are_prepared(scans):
    made = prepare("ad_oasis", source=scans / "oasis1")
    assert made.manifest["found"] == {"samples": 198, "groups": 198, "CDR 0": 98, "CDR > 0": 100}
    assert made.manifest["broken"] == made.manifest["fitted"] == made.manifest["notes"] == []
    images = made.images()
    assert (images.shape, images.dtype) == ((198, 1, 91, 109, 91), np.uint8)
    assert 40 < images[0][images[0] > 0].mean() < 100


def test_no_person_of_the_real_set_is_in_two_folds(scans):
    made = prepare("age_oasis", source=scans / "oasis1")
    groups = np.array(made.groups)
    parts = [splits.fold(made, Split(), 0, number) for number in range(5)]
    assert sum(len(set(groups[part.test])) for part in parts) == 415
    assert max(len(part.test) for part in parts) - min(len(part.test) for part in parts) <= 3
    for part in parts:
        assert set(groups[part.train]).isdisjoint(groups[part.test])
        assert abs(made.targets[part.test].mean() - made.targets.mean()) < 2
    assert json.dumps(made.manifest)


def test_a_prepared_scan_has_the_orientation_of_its_file(tmp_path, scans):
    """On a real scan: the middle of brightness in the scanner's millimetres, of the file and of the prepared array."""
    import nibabel as nib

    made = prepare("age_ixi", {"mm": 4.0}, source=scans / "ixi10")
    file = next(iter(sorted((scans / "ixi10" / "nifti").glob(f"{made.ids[0]}*.nii.gz"))))
    loaded = nib.load(file)

    def middle(values, affine):
        weights = np.clip(values.astype(float), 0, None)
        places = np.argwhere(weights > 0)
        mean = (places * weights[weights > 0][:, None]).sum(0) / weights.sum()
        return affine[:3, :3] @ mean + affine[:3, 3]

    found = middle(made.images()[0, 0], made.affine(0))
    np.testing.assert_allclose(found, middle(np.asarray(loaded.dataobj), loaded.affine), atol=1.0)
    phantom = prepare("phantom_age", {"subjects": 2, "mm": 8.0})
    np.testing.assert_allclose(phantom.affine(0)[:3, 3], (-90.0, -126.0, -72.0))
    pictures = prepare("phantom_order", {"subjects": 4})
    assert pictures.affine(0).shape == (4, 4)
