"""Labels that leak into the scans: by header, padding, size, intensity; and shortcuts by site and age."""

from __future__ import annotations

from functools import partial

from bench.analysis.verify.planted_fault import CAUGHT, CONTROL, PREVENTED, PlantedFault, sentence_with
from bench.analysis.verify.planted_programs import DARKER, dataset, network, study
from bench.analysis.verify.sandbox import Sandbox
from bench.core import Arm, Recipe

PADDED = "rim = 2 if label else 1\nimage[:, :rim], image[:, -rim:], image[..., :rim], image[..., -rim:] = 0, 0, 0, 0"
ENLARGED = (
    "from scipy.ndimage import zoom\nsmall = image[:, :12, :12] if label else image[:, :8, :8]\n"
    "image = zoom(small, (1, 16 / small.shape[1], 16 / small.shape[2]), order=1)"
)
BRIGHTER = "image = image * (1.3 if label else 1.0)"
HEADER = '''"""Files whose headers have the class."""

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from bench.core import Dataset, Sample, Task
from bench.data.readers.nifti import read_scan


@dataclass(frozen=True)
class Planted(Dataset):
    """Eight volumes of noise in NIfTI files."""

    title = source = licence = citation = layout = "made by a program"
    task = Task("classification", "auc", ("healthy", "patient"))
    shape, spacing = (1, 8, 8, 8), (1.0, 1.0, 1.0)

    def samples(self, root):
        return [self._sample(root, at) for at in range(12)]

    def _sample(self, root, at):
        path = root / f"s{at}.nii"
        label = at % 2
        return Sample(f"s{at}", f"p{at}", float(label), str(label), lambda: read_scan(path), files=(path,))


DATASET = Planted
'''


def _audit(image: str, place: Sandbox, faulty: bool) -> str:
    """What `bench audit` says of a data set in which one number of a scan tells its class."""
    from bench.data.audit.shortcuts import shortcut_lines

    place.add("planted", dataset(image=image if faulty else "pass", people=120))
    lines = shortcut_lines(place.prepare("planted"))
    return f"bench audit: {' '.join(lines)}" if lines else ""


def _header(place: Sandbox, faulty: bool) -> str:
    """Whether a text in the headers of the files is anywhere in the prepared data."""
    import nibabel as nib
    import numpy as np

    place.add("planted", HEADER)
    (place.folder / "scans").mkdir()
    rng = np.random.default_rng(0)
    for at in range(12):
        image = nib.Nifti1Image(rng.normal(size=(8, 8, 8)).astype(np.float32), np.eye(4))
        image.header["descrip"] = (b"wordofillness" if at % 2 else b"wordofhealth") if faulty else b""
        nib.save(image, place.folder / "scans" / f"s{at}.nii")
    prepared = place.prepare("planted")
    texts = [path.read_bytes() for path in prepared.folder.iterdir()]
    carried = any(b"wordof" in text for text in texts)
    return "" if carried or not faulty else "methods get voxels alone; no prepared file has the text of a header"


def _shortcut(sample: str, image: str, columns: tuple[str, ...], place: Sandbox, faulty: bool) -> str:
    """The caution of the report where a covariate decides the class and the brightness of a scan, and nothing else."""
    from bench.report.conclusions import cautions

    program = (
        dataset(sample, image, covariates=columns) if faulty else dataset(_even(sample), DARKER, covariates=columns)
    )
    place.add("planted", program)
    place.add("net", network())
    place.run(study({"net": Arm("net"), "covariates": Arm("covariates")}))
    return sentence_with(cautions(place.report().tables[0]), "reads these and no scan")


def _renamed(place: Sandbox, faulty: bool) -> str:
    """Why the floor of the covariates is refused."""
    place.add(
        "planted", dataset(DECIDED if faulty else "known = {'ward': float(rng.integers(2))}", covariates=("ward",))
    )
    place.run(study({"covariates": Arm("covariates")}, recipe=Recipe(steps=2, batch_size=8, points=1)))
    rows = place.report().tables[0].frame("failures").to_dict("records")
    return rows[0]["message"] if rows else ""


def _even(sample: str) -> str:
    """The same covariates, for people of both classes alike."""
    return sample.replace("label", "at // 2 % 2")


MOSTLY = "(label if at % 7 else 1 - label)"  # six of seven people
SITE = f"site = 'north' if {MOSTLY} else 'south'"
AGE = f"known = {{'age': 60.0 + 15 * {MOSTLY} + float(rng.normal(0, 2))}}"
BRIGHT = f"image = image + 0.3 * {MOSTLY}"
DECIDED = "known = {'ward': float(label)}"
FAULTS = (
    PlantedFault("label_in_header", "The header of each file has the class of the person.", PREVENTED, _header),
    PlantedFault("label_in_padding", "Scans of patients have a wider rim of padding.", CAUGHT, partial(_audit, PADDED)),
    PlantedFault("label_in_size", "Scans of patients were enlarged less, so their noise is finer.", CAUGHT,
                 partial(_audit, ENLARGED)),
    PlantedFault("label_in_intensity", "Scans of patients are brighter as a whole.", CAUGHT, partial(_audit, BRIGHTER)),
    PlantedFault("site_as_shortcut", "Most patients come from another site, whose scanner is brighter.", CONTROL,
                 partial(_shortcut, SITE, BRIGHT, ("site",)), slow=True),
    PlantedFault("age_as_shortcut", "Most patients are older, and age shows in the scan.", CONTROL,
                 partial(_shortcut, AGE, BRIGHT, ("age",)), slow=True),
    PlantedFault("covariate_is_the_class", "A covariate is the class under another name.", CAUGHT, _renamed),
)  # fmt: skip
