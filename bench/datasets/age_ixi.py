"""Age on IXI: healthy people of three London hospitals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from bench.core import BenchError, Dataset, Sample, Task, param
from bench.data.readers.image_mask_pairs import HEAD, RESAMPLED, Grid, read_alone
from bench.data.readers.omissions import omit
from bench.data.readers.tabular import decade
from bench.datasets import _ixi


@dataclass(frozen=True)
class AgeIxi(Dataset):
    """Age in years from T1 scans of whole heads, resampled to one grid; the hospital in a file's name is its site.

    Save IXI.xls as comma-separated text, as .xls files are not read. People without an age in it are left out and
    counted; ages such as -1 or 999 are refused. A person with two rows counts once if both agree. Heads are
    not skull-stripped, so a face may reveal the age.

    We do not know how many scans have an age, so no number is expected. IXI is a part of OpenBHB: neither is an
    independent test of the other. We do not know whether the DCL-SE paper used either.
    """

    title: ClassVar[str] = "IXI: age of healthy people"
    source: ClassVar[str] = _ixi.SOURCE
    licence: ClassVar[str] = _ixi.LICENCE
    citation: ClassVar[str] = _ixi.CITATION
    layout: ClassVar[str] = (
        "IXI012-HH-1211-T1.nii.gz etc. in any subfolder, and IXI.csv (IXI_ID, SEX_ID, AGE) in the top folder; or"
        " nifti/IXI012-HH-1211-T1_ds.nii.gz and lists/*.csv (MRID, Age, Sex)"
    )
    twin: ClassVar[str] = "phantom_age"
    cohort: ClassVar[str] = _ixi.COHORT
    resampling: ClassVar[str] = RESAMPLED
    task: ClassVar[Task] = Task("regression", "mae", unit="years")
    floor_covariates: ClassVar[tuple[str, ...]] = ("sex", "site")  # age is the target

    mm: float = param(2.0, "voxel size of the prepared grid, in mm; the grid covers 180 x 240 x 240 mm")

    def __post_init__(self) -> None:
        if not 1 <= self.mm <= 8:
            raise BenchError(f"age_ixi: mm must be between 1 and 8, not {self.mm}")

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, *_ixi.voxels(self.mm))

    @property
    def spacing(self) -> tuple[float, ...]:
        return (self.mm,) * 3

    def samples(self, root: Path | None) -> Sequence[Sample]:
        scans, people = _ixi.scans(root, self.layout), _ixi.people(root, self.layout)
        samples = []
        for scan in scans:
            person = people.pop(scan.person, None)
            if person is None or person.age is None:
                what = "scans without a row in the table" if person is None else "scans without an age"
                omit(what, scan.path.relative_to(root).as_posix(), scan.path)
            else:
                samples.append(self._sample(scan, person))
        for name in people:
            omit("rows of the table without a scan", name)
        return samples

    def _sample(self, scan: _ixi.IxiHead, person: _ixi.Person) -> Sample:
        read = partial(read_alone, scan.path, Grid(self.mm, _ixi.voxels(self.mm), HEAD))
        known, name = {"age": person.age, "sex": person.sex}, scan.person
        return Sample(name, name, person.age, decade(person.age), read, scan.site, (scan.path,), known)


DATASET = AgeIxi
