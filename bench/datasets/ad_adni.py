"""Alzheimer's disease against healthy controls on ADNI: T1 scans that ADNI has already normalised."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from bench.core import BenchError, Dataset, Sample, Scan, Task, param
from bench.core.unavailable_files import why_unavailable
from bench.data.readers.labels import NOTHING, label_index
from bench.data.readers.litter import find_files
from bench.data.readers.nifti import ENDS, bare_name, read_scan
from bench.data.readers.omissions import omit
from bench.data.readers.tabular import Line, age_in, read_table, unique_rows
from bench.data.readers.voxel_grids import ROOM, distance

VOXELS = 110  # along each axis
NAME = re.compile(r"ADNI_(?P<person>\d{3}_S_\d{4,5})_.*?_I(?P<image>\d+)")
KIND = "Spatially_Normalized,_Masked_and_N3_corrected_T1_image"  # in the names of the scans that are read
OTHERS = ("MCI", "EMCI", "LMCI", "SMC", NOTHING)  # groups that are left out
COLUMNS = ("Image Data ID", "Subject", "Group", "Sex", "Age", "Visit")


@dataclass(frozen=True)
class AdniImage:
    """One file and the row of its image."""

    path: Path
    person: str  # 002_S_0413
    image: str  # number of the image
    line: Line

    @property
    def visit(self) -> str:
        return self.line.values["Visit"] or ""


@dataclass(frozen=True)
class AdAdni(Dataset):
    """CN against AD, as in the .csv of the search, from volumes of 110 x 110 x 110 voxels that ADNI has spatially
    normalised, skull-stripped and corrected for shading.

    Several scans of one person at one visit are one sample: the mean of their voxels. Each other visit is another
    sample in the same group, so that no split divides a person; a person with AD at one visit and CN at another has
    both labels. We do not know whether ADNI's column `Group` describes the visit or the first visit. Other groups (MCI,
    EMCI, LMCI, SMC) are left out and counted; an unknown group is an error.

    The code of the DCL-SE authors, and that of Xing et al. before it, uses 49 AD and 51 CN, one volume per person. As
    far as we know their list of images is not public, so your download is another subset: do not compare scores with
    theirs. We infer from that code that the DCL-SE paper used this set. These sources do not state the voxel size: 2 mm
    is assumed, and a file with another size in its header is an error; then set `mm`.
    """

    title: ClassVar[str] = "ADNI: Alzheimer's disease against healthy controls, T1 normalised by ADNI"
    source: ClassVar[str] = (
        "https://ida.loni.usc.edu, after an application to ADNI: Advanced Image Search, processed images, description"
        " `Spatially Normalized, Masked and N3 corrected T1 image`, groups AD and CN, as NIfTI; download the search"
        " result as CSV too"
    )
    licence: ClassVar[str] = (
        "ADNI data use agreement: no re-identification, no redistribution, name ADNI in publications; read it first"
    )
    citation: ClassVar[str] = (
        "as the ADNI data use agreement asks (https://adni.loni.usc.edu). The subset: Xing X, Liang G, Blanton H, et"
        " al. Dynamic image for 3D MRI image Alzheimer's disease classification. ECCV Workshops 2020. arXiv:2012.00119"
    )
    layout: ClassVar[str] = (
        f"the folder as downloaded from ADNI: ADNI_*_{KIND}*_I*.nii in any subfolder, and the .csv of the search"
        f" ({', '.join(COLUMNS)}) in the top folder"
    )
    twin: ClassVar[str] = "phantom_ad"
    expected: ClassVar[dict[str, int]] = {"samples": 100, "groups": 100, "CN": 51, "AD": 49}
    task: ClassVar[Task] = Task("classification", "auc", ("CN", "AD"))
    floor_covariates: ClassVar[tuple[str, ...]] = ("age", "sex")  # visit and scans depend on the group

    mm: float = param(
        2.0, "voxel size in mm; must match the file headers (2 mm is assumed, as our sources do not state it)"
    )

    def __post_init__(self) -> None:
        if not 0.5 <= self.mm <= 4:
            raise BenchError(f"ad_adni: mm must be between 0.5 and 4, not {self.mm}")

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, VOXELS, VOXELS, VOXELS)

    @property
    def spacing(self) -> tuple[float, ...]:
        return (self.mm,) * 3

    def samples(self, root: Path | None) -> Sequence[Sample]:
        visits: dict[tuple[str, str], list[AdniImage]] = {}
        for scan in self._scans(root):
            if self._label(scan) is not None:
                visits.setdefault((scan.person, scan.visit), []).append(scan)
        return [self._sample(*visit, visits[visit]) for visit in sorted(visits)]

    def notes(self, root: Path | None) -> list[str]:
        """Notes on averaged scans under `root`."""
        merged = sum(len(sample.files) - 1 for sample in self.samples(root))
        return [f"{merged} scans are averaged with others of the same visit"] if merged else []

    def _label(self, scan: AdniImage) -> int | None:
        """The class index; None for a group that is left out. BenchError for an unknown group."""
        place = f"{scan.line.place}: I{scan.image} of {scan.person}: Group"
        group = scan.line.values["Group"]
        index = label_index(group, self.task.classes, place, OTHERS)
        if index is None:
            omit(f"scans of the group {group or NOTHING}", scan.path.name, scan.path)
        return index

    def _sample(self, person: str, visit: str, scans: Sequence[AdniImage]) -> Sample:
        groups = {scan.line.values["Group"] for scan in scans}
        name, line = f"{person}_{visit}" if visit else person, scans[0].line
        if len(groups) > 1:
            places = " and ".join(scan.line.place for scan in scans[:2])
            raise BenchError(f"{places}: {name} is in the groups {' and '.join(sorted(groups))}; keep the right one")
        label, paths = groups.pop(), tuple(scan.path for scan in scans)
        known = {"age": age_in(line, "Age", name), "sex": line.values["Sex"], "visit": visit, "scans": len(scans)}
        target = self.task.classes.index(label)
        return Sample(name, person, float(target), label, partial(_mean, paths), files=paths, covariates=known)

    def _scans(self, root: Path | None) -> list[AdniImage]:
        """Every scan under `root` with its row, sorted by name. BenchError if a scan has no row."""
        if root is None or not root.is_dir():
            raise BenchError(f"no folder {root}; expected: {self.layout}")
        lines, scans = _lines(root, self.layout), {}
        paths = [path for path in find_files(root, f"ADNI_*{KIND}*") if path.name.lower().endswith(ENDS)]
        for path in sorted(paths, key=lambda path: (path.name, path)):
            match = NAME.fullmatch(bare_name(path.name))
            if match is None:
                raise BenchError(
                    f"{path.name} in {root}: no subject and image in its name; expected: ADNI_002_S_0413_*_I123.nii"
                )
            person, image = match["person"], match["image"]
            line = lines.get(image)
            if line is None:
                raise BenchError(f"{path.name}: image I{image} is not in the .csv of the search in {root}; add its row")
            if line.values["Subject"] != person:
                raise BenchError(
                    f"{line.place}: image I{image} is of {line.values['Subject']}, but its file name says {person}"
                )
            if image in scans:
                one, two = scans[image].path.relative_to(root), path.relative_to(root)
                raise BenchError(f"two files of image I{image} in {root}: {one} and {two}; keep one")
            scans[image] = AdniImage(path, person, image, line)
        if not scans:
            there = ", ".join(sorted(path.name for path in root.iterdir())[:6]) or "nothing"
            raise BenchError(f"no scan named ADNI_*_{KIND}* in {root}; found: {there}; expected: {self.layout}")
        for image in sorted(set(lines) - set(scans)):
            omit("rows of the search without a scan", f"I{image} ({Path(lines[image].place).name})")
        return list(scans.values())


def _lines(root: Path, layout: str) -> dict[str, Line]:
    """The rows of the search, by the number of the image."""
    found: dict[tuple[str, ...], list[Line]] = {}
    tables = [path for path in sorted(root.glob("[!.]*.csv")) if _is_search(path)]
    if not tables:
        raise BenchError(f"no .csv with a column {COLUMNS[0]} in {root}; expected: {layout}")
    for path in tables:
        for line in read_table(path, root, COLUMNS[:1], ","):
            absent = [column for column in COLUMNS if column not in line.values]
            if absent:
                raise BenchError(f"{path} has no column {absent[0]}; found: {', '.join(line.values)[:300]}")
            found.setdefault(((line.values["Image Data ID"] or "").lstrip("ID"),), []).append(line)
    return {key[0]: line for key, line in unique_rows(found).items()}


def _is_search(path: Path) -> bool:
    try:
        if reason := why_unavailable(path):
            raise BenchError(f"{path} {reason}")
        with path.open("rb") as file:
            return COLUMNS[0].encode() in file.read(4096)
    except OSError as error:
        raise BenchError(f"{path} cannot be read: {error.strerror}") from error


def _mean(paths: Sequence[Path]) -> Scan:
    """The scan of one file; for several files the mean of their voxels, float32. ValueError if shapes differ."""
    import numpy as np

    first, *others = (read_scan(path) for path in paths)
    if not others:
        return first
    for path, scan in zip(paths[1:], others, strict=True):
        if scan.image.shape != first.image.shape or not np.allclose(scan.spacing, first.spacing, rtol=0.01):
            raise ValueError(
                f"{path.name} has another shape or spacing than {paths[0].name}: {scan.image.shape}, {scan.spacing} mm"
            )
    total = np.mean([scan.image for scan in (first, *others)], axis=0, dtype=np.float64)
    notes = [note for scan in (first, *others) for note in scan.notes]
    apart = max(distance(first.affine, scan.affine, first.image.shape[1:]) for scan in others)
    if apart > ROOM * min(first.spacing):
        notes.append(f"averaged with scans of the same visit that lie up to {apart:.1f} mm away from it")
    return Scan(total.astype(np.float32), first.spacing, affine=first.affine, notes=tuple(notes))


DATASET = AdAdni
