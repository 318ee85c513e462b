"""What readers note on files is in the manifest, and data that an earlier version has read are prepared again."""

from __future__ import annotations

import json

import bids_trees
import nibabel as nib
import numpy as np
import pytest

from bench.core import RunAbortedError
from bench.data.prepare import open_prepared, prepare
from bench.data.prepared import READING
from bench.storage.atomic_io import json_checksum

PARAMS = {"mm": 1.0, "voxels": (24, 24, 24)}


def arteries(root, turned=()):
    """Three pairs; of some the qform lies 9 mm and a little more beside the sform."""
    for at, name in enumerate(("001", "002", "003")):
        array = np.random.default_rng(at).integers(1, 900, (24, 24, 24)).astype(np.int16)
        image = nib.Nifti1Image(array, np.eye(4))
        image.set_sform(np.eye(4), 2)
        beside = np.eye(4)
        beside[0, 3] = 9 + at
        image.set_qform(beside if name in turned else np.eye(4), 1)
        for folder in ("data", "mask"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        nib.save(image, root / "data" / f"{name}.nii.gz")
        bids_trees.write_scan(root / "mask" / f"{name}.nii.gz", (array > 500).astype(np.uint8), np.eye(4))
    return root


def test_notes_of_files_are_in_the_manifest_once_for_each_kind(tmp_path):
    made = prepare("artery_cas", PARAMS, source=arteries(tmp_path / "set", ("001", "003")))
    (note,) = [each for each in made.manifest["notes"] if "qform" in each]
    assert note == "001 and 1 other scans: qform and sform differ, by up to 9.0 mm; the sform is used"


def test_files_without_oddities_have_no_note(tmp_path):
    made = prepare("artery_cas", PARAMS, source=arteries(tmp_path / "set"))
    assert not [each for each in made.manifest["notes"] if "form" in each]


@pytest.mark.parametrize("reading", [None, READING - 1, READING + 1])
def test_data_of_another_reading_are_prepared_again(tmp_path, reading):
    made = prepare("artery_cas", PARAMS, source=arteries(tmp_path / "set"))
    path = made.folder / "manifest.json"
    entry = {key: value for key, value in json.loads(path.read_text()).items() if key not in ("seal", "reading")}
    entry |= {} if reading is None else {"reading": reading}
    path.write_text(json.dumps({**entry, "seal": json_checksum(entry)}))
    with pytest.raises(RunAbortedError, match=r"are out of date .* bench prepare artery_cas .* prepares them again"):
        open_prepared("artery_cas", PARAMS)
    again = prepare("artery_cas", PARAMS)
    assert again.manifest["reading"] == READING
    assert again.fingerprint == made.fingerprint  # no trial is lost where voxels are the same
    assert [each.name for each in again.folder.parent.iterdir() if "damaged" in each.name] == []
    assert not [each for each in again.manifest["notes"] if "damaged" in each]
