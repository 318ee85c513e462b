"""Eight structures of the brain on ten IXI heads, as segmented by another program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from bench.core import BenchError, Dataset, Sample, Task, param
from bench.data.readers.image_mask_pairs import HEAD, RESAMPLED, Grid, Pair, read_pair
from bench.data.readers.nifti import ENDS, bare_name
from bench.data.readers.omissions import omit
from bench.datasets import _ixi

GAPS = (110, 111, 126, 127, 130, 131, 158, 159, 188, 189)  # unused numbers between 100 and 207
STRUCTURES = {  # MUSE's region numbers, right and left together, from the dictionary that NiChart DLMUSE publishes
    "ventricles": (4, 11, 49, 50, 51, 52),  # third, fourth, lateral with their inferior horns
    "hippocampus and amygdala": (31, 32, 47, 48),
    "basal ganglia": (23, 30, 36, 37, 55, 56, 57, 58),  # accumbens, caudate, pallidum, putamen
    "thalamus": (59, 60),
    "brain stem": (35,),
    "cerebellum": (38, 39, 40, 41, 71, 72, 73),
    "white matter": (61, 62, *range(81, 96)),  # of the lobes, ventral diencephalon, fornix, capsules, corpus callosum
    "cortex": tuple(number for number in range(100, 208) if number not in GAPS),
}
OTHERS = (1, 46, 69, 75, 76)  # fluid around the brain, basal forebrain, and two (46, 69) that the dictionary lacks
LABELS = {
    **dict.fromkeys(OTHERS, 0),
    **{number: at for at, numbers in enumerate(STRUCTURES.values(), start=1) for number in numbers},
}
COARSEST = 12.0  # mm
MASKS, MARK = "dlmuse", "_DLMUSE"  # folder of the region maps, and end of their names before that of the format
END = f"{MARK}.nii.gz"


@dataclass(frozen=True)
class RoiIxi(Dataset):
    """Eight structures against the rest on whole heads at 2 mm (or coarser), ten people.

    The outlines are not manual: they are the output of the network DLMUSE, with 148 regions and a few smaller ones.
    They are merged here into eight (`STRUCTURES`) and the background; fluid around the brain, the basal forebrain and
    two numbers that the published dictionary does not name are background. A score measures agreement with DLMUSE.

    With ten people a difference between methods is an example and supports no claim of significance.
    """

    title: ClassVar[str] = "Eight structures of the brain on ten IXI heads, outlined by DLMUSE"
    source: ClassVar[str] = (
        "https://github.com/CBICA/CCL_NMF_Prediction, folder test/input/IXI: ten T1 scans of IXI"
        " (https://brain-development.org/ixi-dataset/), reduced to 2 mm, with the region maps of DLMUSE"
    )
    licence: ClassVar[str] = _ixi.LICENCE
    citation: ClassVar[str] = (
        "Doshi J, Erus G, Ou Y, et al. MUSE: MUlti-atlas region Segmentation utilizing Ensembles of registration"
        " algorithms and parameters, and locally optimal atlas selection. NeuroImage 127:186-195, 2016."
        " doi:10.1016/j.neuroimage.2015.11.073. IXI: see https://brain-development.org"
    )
    layout: ClassVar[str] = f"nifti/IXI012-HH-1211-T1_ds.nii.gz, and {MASKS}/IXI012-HH-1211-T1_ds{END} beside it"
    expected: ClassVar[dict[str, int]] = {"samples": 10, "groups": 10}
    cohort: ClassVar[str] = _ixi.COHORT
    resampling: ClassVar[str] = RESAMPLED + "; masks to the likeliest label"
    task: ClassVar[Task] = Task("segmentation", "dice", ("background", *STRUCTURES))
    labels: ClassVar[Mapping[int, int]] = LABELS  # region number -> class

    mm: float = param(_ixi.STEP, "voxel size in mm, from 2 to 12; the files have 2", later=True)

    def __post_init__(self) -> None:
        if not _ixi.STEP <= self.mm <= COARSEST:
            raise BenchError(f"the heads of IXI: mm must be between 2 and 12, not {self.mm}")

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, *_ixi.voxels(self.mm))

    @property
    def spacing(self) -> tuple[float, ...]:
        return (self.mm,) * 3

    def samples(self, root: Path | None) -> Sequence[Sample]:
        scans, masks = self._scans_and_masks(root)
        samples = [self._sample(scan, masks[scan.stem]) for scan in scans if scan.stem in masks]
        for path in (scan.path for scan in scans if scan.stem not in masks):
            omit("scans without a region map", path.name, path)
        for stem in sorted(set(masks) - {scan.stem for scan in scans}):
            omit("region maps without a scan", masks[stem].name, masks[stem])
        return samples

    def _scans_and_masks(self, root: Path | None) -> tuple[list[_ixi.IxiHead], dict[str, Path]]:
        """The scans, and the region maps by the name of their scan. BenchError if there are none."""
        scans = _ixi.scans(root, self.layout)
        paths = [path for path in sorted(root.glob(f"{MASKS}/*")) if path.name.lower().endswith(ENDS)]
        names = [(path, bare_name(path.name)) for path in paths]
        masks = {name.removesuffix(MARK): path for path, name in names if name.endswith(MARK)}
        if not masks:
            raise BenchError(f"no file {MASKS}/*{END} in {root}; expected: {self.layout}")
        return scans, masks

    def _sample(self, scan: _ixi.IxiHead, mask: Path) -> Sample:
        pair = Pair(scan.person, scan.path, mask)
        read = partial(read_pair, pair, Grid(self.mm, _ixi.voxels(self.mm), HEAD), self.labels)
        return Sample(scan.person, scan.person, float("nan"), "head", read, scan.site, (scan.path, mask))


DATASET = RoiIxi
