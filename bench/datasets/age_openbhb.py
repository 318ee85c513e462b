"""Age on OpenBHB: healthy people of many sites, from ten public studies."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from bench.core import BenchError, Dataset, Sample, Scan, Task, param
from bench.data.readers.image_mask_pairs import HEAD, RESAMPLED, Grid, read_alone
from bench.data.readers.litter import find_files
from bench.data.readers.nifti import ENDS
from bench.data.readers.omissions import omit
from bench.data.readers.row_ids import check_ids
from bench.data.readers.tabular import Line, age_in, decade, read_table, unique_rows

FORMS = {  # ends of the file names of a form; for arrays also dimensions and millimetres
    "quasiraw": (("_preproc-quasiraw_T1w.npy",), (182, 218, 182), 1.0),
    "vbm": (("_preproc-cat12vbm_desc-gm_T1w.npy",), (121, 145, 121), 1.5),
    "t1": (tuple(f"_T1w{end}" for end in ENDS), (), 0.0),
}
EXTENT = (182, 218, 182)  # millimetres that the prepared grid covers
PARTS = {"train": "train", "val": "test", "internal_test": "test", "external_test": "test", "test": "test"}
KEPT = ("sex", "study", "site")  # columns of the table that go into the index, if present


@dataclass(frozen=True)
class AgeOpenbhb(Dataset):
    """Age in years from T1 scans of people without a diagnosis; the site of the table is the site of a sample.

    Three forms: quasi-raw (skull-stripped, bias-corrected, in MNI space by an affine), grey-matter maps of CAT12, and
    unprocessed T1 scans. All are resampled to one grid. The publisher's training part is the training part here; its
    internal and external tests are both the test part. Scans without a row in the table, or without an age, are left
    out and counted; so are rows without a scan, as the parts are separate downloads.

    Assumed: the axes of the arrays run from left to right, back to front and bottom to top (the files do not state it;
    their dimensions are those of the MNI template), and each participant number has one scan. Unknown: the number of
    public scans (3,984 in one description, 3,965 in another), so no number is expected; and whether the DCL-SE paper
    used this set at all. IXI is a part of it: neither is an independent test of the other.
    """

    title: ClassVar[str] = "OpenBHB: age of healthy people, many sites"
    source: ClassVar[str] = (
        "https://baobablab.github.io/bhb/: IEEE DataPort, doi:10.21227/7jsg-jx57 (after registration), or Hugging Face"
        " benoit-dufumier/openBHB"
    )
    licence: ClassVar[str] = (
        "CC BY-NC-SA 3.0 according to the IEEE page, and the strictest terms of the ten studies; read them all"
    )
    citation: ClassVar[str] = (
        "Dufumier B, Grigis A, Victor J, Ambroise C, Frouin V, Duchesnay E. OpenBHB: a large-scale multi-site brain MRI"
        " data-set for age prediction and debiasing. NeuroImage 263:119637, 2022. doi:10.1016/j.neuroimage.2022.119637"
    )
    layout: ClassVar[str] = (
        "participants.tsv (participant_id, age, sex, site, optionally study and split) in the folder or in subfolders,"
        " and sub-*_preproc-quasiraw_T1w.npy, sub-*_preproc-cat12vbm_desc-gm_T1w.npy or sub-*_T1w.nii.gz in any"
        " subfolder"
    )
    twin: ClassVar[str] = "phantom_age"
    resampling: ClassVar[str] = RESAMPLED
    task: ClassVar[Task] = Task("regression", "mae", unit="years")
    floor_covariates: ClassVar[tuple[str, ...]] = ("sex", "site")  # age is the target

    form: str = param("quasiraw", "form of the scans", tuple(FORMS))
    mm: float = param(2.0, "voxel size of the prepared grid, in mm; the grid covers 182 x 218 x 182 mm")

    def __post_init__(self) -> None:
        if not 1 <= self.mm <= 8:
            raise BenchError(f"age_openbhb: mm must be between 1 and 8, not {self.mm}")

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, *(round(extent / self.mm) for extent in EXTENT))

    @property
    def spacing(self) -> tuple[float, ...]:
        return (self.mm,) * 3

    def samples(self, root: Path | None) -> Sequence[Sample]:
        files, people = self._files(root), _people(root, self.layout)
        check_ids(people, files)
        ages = {name: age_in(line, "age", name) for name, line in people.items()}
        samples = []
        for name, path in files.items():
            if ages.get(name) is None:
                what = "scans without an age" if name in people else "scans without a row in participants.tsv"
                omit(what, path.relative_to(root).as_posix(), path)
            else:
                samples.append(self._sample(name, path, people[name], ages[name]))
        for name in sorted(set(people) - set(files)):
            omit("rows of participants.tsv without a scan", f"sub-{name}")
        return samples

    def _files(self, root: Path | None) -> dict[str, Path]:
        """The scans of the form by person, sorted. BenchError if there is none, or one person has two."""
        if root is None or not root.is_dir():
            raise BenchError(f"no folder {root}; expected: {self.layout}")
        ends, found = FORMS[self.form][0], {}
        for path in find_files(root, "sub-*"):
            if not path.name.endswith(ends):
                continue
            name = _bare(path.name.partition("_")[0])
            if name in found:
                one, two = found[name].relative_to(root), path.relative_to(root)
                raise BenchError(f"two scans of sub-{name} in {root}: {one} and {two}; keep one")
            found[name] = path
        if not found:
            there = ", ".join(sorted(path.name for path in root.iterdir())[:6]) or "nothing"
            raise BenchError(f"no file sub-*{ends[0]} in {root}; found: {there}; expected: {self.layout}")
        return found

    def _sample(self, name: str, path: Path, line: Line, age: float) -> Sample:
        known = {"age": age, **{column: line.values.get(column) for column in KEPT}}
        part, site = _part(line, name), line.values["site"] or ""
        read = partial(_read, path, self.form, Grid(self.mm, self.shape[1:], HEAD))
        return Sample(f"sub-{name}", f"sub-{name}", age, decade(age), read, site, (path,), known, part)


def _people(root: Path, layout: str) -> dict[str, Line]:
    """The rows of every participants.tsv by person."""
    pattern = "participants.tsv"
    tables = (
        [root / pattern]
        if os.path.lexists(root / pattern)
        else sorted([*root.glob(f"*/{pattern}"), *root.glob(f"*/*/{pattern}")])
    )
    if not tables:
        raise BenchError(f"no {pattern} in {root}; expected: {layout}")
    found: dict[tuple[str, ...], list[Line]] = {}
    for path in tables:
        for line in read_table(path, root):
            absent = [column for column in ("participant_id", "age", "site") if column not in line.values]
            if absent:
                raise BenchError(f"{path} has no column {absent[0]}; found: {', '.join(line.values)[:300]}")
            found.setdefault((_bare(line.values["participant_id"] or ""),), []).append(line)
    return {key[0]: line for key, line in unique_rows(found).items()}


def _part(line: Line, name: str) -> str:
    """The part of the publisher's split; empty if the table names none. BenchError for a part that is not known."""
    text = line.values.get("split")
    if text is not None and text not in PARTS:
        known = ", ".join(PARTS)
        raise BenchError(f"{line.place_of('split')}: {name}: split is {text[:40]!r}; known parts: {known}, or n/a")
    return PARTS[text] if text else ""


def _bare(name: str) -> str:
    return name.strip().removeprefix("sub-")


def _read(path: Path, form: str, grid: Grid) -> Scan:
    """A scan on the grid. ValueError or OSError for a broken file."""
    import numpy as np

    _, shape, mm = FORMS[form]
    if not shape:
        return read_alone(path, grid)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)  # no memory is used before the header is checked
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path.name} is not a complete NumPy array: {error}; download it again") from error
    if tuple(size for size in array.shape if size != 1) != shape or array.dtype.kind not in "iuf":
        what = f"{array.dtype} of {array.shape}"
        raise ValueError(f"{path.name} holds {what}, expected numbers of {(1, 1, *shape)}; download it again")
    values = np.ascontiguousarray(array.reshape(shape))
    return Scan(np.ascontiguousarray(grid.bring(values, (mm,) * 3))[None], grid.spacing)


DATASET = AgeOpenbhb
