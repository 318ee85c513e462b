"""Time-of-flight angiograms of the middle of the head with the masks of their arteries, synthetic.

The usual grid of 64 x 64 x 32 voxels of 1.5 mm shows 96 x 96 x 48 mm around the circle of Willis: carotid arteries of
nearly two voxels' radius, branches of half a voxel. Real scans are three times finer and have veins, fat and bone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from bench.core import BenchError, Sample, Scan, Task, param
from bench.data.readers.image_mask_pairs import TARGET, TARGETS, project_mask
from bench.datasets import _anatomy, _heads, _vessels
from bench.datasets._anatomy import Frame
from bench.datasets._phantom import Limits, Phantom

if TYPE_CHECKING:
    import numpy as np

MIDDLE = (0.0, -8.0, -4.0)  # millimetres in MNI space
FINE = 3  # subdivisions of a voxel's edge at which arteries are drawn
SHARE = 0.35  # minimum artery fraction of a voxel in the mask
BACKGROUND, TISSUE, BLOOD = 0.16, 0.22, 0.6  # intensities: fluid and bone, more in the brain, more in arteries
SATURATION = 0.3  # fraction of the blood's signal lost from the lowest slice to the highest
BIAS = 0.12  # deviation of the logarithm of the intensity, smooth over the head


@dataclass(frozen=True)
class PhantomArtery(Phantom):
    """Angiograms of synthetic arteries, with their masks."""

    title: ClassVar[str] = "Phantom of brain arteries: angiograms of grown trees in MNI152 (not real scans)"
    limits: ClassVar[Limits] = {"mm": (0.5, 4), "size": (16, 192)}
    task: ClassVar[Task] = Task("segmentation", "dice", ("background", "artery"))

    subjects: int = param(24, "number of people")
    effect: float = param(1.0, "brightness of the arteries, relative to the default; at 0 they are invisible")
    label_noise: float = param(0.0, "share of the terminal branches that are missing in the mask")
    mm: float = param(1.5, "voxel size in mm")
    size: int = param(64, "voxels left-right and back-front; half as many in height")
    noise: float = param(0.04, "standard deviation of the Rician noise; arteries have an intensity of about 0.9")
    target: str = param("mask", TARGET, TARGETS)
    seed: int = param(0, "seed of all random numbers")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size % 2 or self.size * self.mm > 120:
            raise BenchError(f"{self.name}: size must be even and size x mm at most 120, not {self.size} x {self.mm}")
        if self.target == "projection" and self.label_noise:
            raise BenchError(f"{self.name}: a projection of noisy masks has no known best score; set label_noise=0")

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, self.size, self.size, self.size // 2)

    def corner(self) -> tuple[float, ...]:
        """The middle of the first voxel, millimetres in MNI space."""
        sizes = self.shape[1:]
        return tuple(at - self.mm * (size - 1) / 2 for at, size in zip(MIDDLE, sizes, strict=True))

    def vessels(self, number: int) -> tuple[_vessels.Vessels, np.ndarray]:
        """The arteries of a person, and the indices of the pieces in the mask."""
        import numpy as np

        trees, forgetting = self.rngs(number, "trees", "label")
        grown = _vessels.grow(trees)
        forgotten = forgetting.random(grown.twigs.max() + 1) < self.label_noise
        return grown, np.flatnonzero((grown.twigs < 0) | ~forgotten[grown.twigs])

    def samples_of(self, number: int) -> Sequence[Sample]:
        name, read = f"phantom-{number:04d}", partial(_scan, self, number)
        covariates = {"oracle": self._dice(number) if self.label_noise else 1.0}
        return [Sample(name, name, float("nan"), "artery", read, covariates=covariates)]

    def _dice(self, number: int) -> float:
        """Dice of all arteries against those that the mask holds, from the volumes of the visible pieces."""
        import numpy as np

        grown, in_mask = self.vessels(number)
        low = np.array(self.corner())
        middles = (grown.starts + grown.ends) / 2
        volumes = grown.volumes() * ((middles > low) & (middles < low + self.mm * np.array(self.shape[1:]))).all(axis=1)
        return float(2 * volumes[in_mask].sum() / (volumes[in_mask].sum() + volumes.sum()))


def _scan(phantom: PhantomArtery, number: int) -> Scan:
    """One angiogram. Arteries, anatomy, shading and noise have separate generators."""
    import numpy as np

    anatomy, shading, noise = phantom.rngs(number, "anatomy", "shading", "noise")
    grown, in_mask = phantom.vessels(number)
    blood, whole = _drawn(phantom, grown, np.arange(len(grown.radii)))
    mask = whole >= SHARE if not phantom.label_noise else _drawn(phantom, grown, in_mask)[1] >= SHARE
    places = [
        tuple(float(start - edge + phantom.mm * voxel) for voxel in range(size))
        for start, edge, size in zip(phantom.corner(), _anatomy.CORNER, phantom.shape[1:], strict=True)
    ]
    frame = Frame(tuple(places))
    (tissue,) = _anatomy.sample([_anatomy.atlas(phantom.mm).tissue], _heads.bent(frame, 1.0, anatomy))
    image = BACKGROUND * (1 + 0.3 * frame.field(12.0, shading)).clip(0.3) + TISSUE * tissue
    flow = 1 - SATURATION * np.linspace(0, 1, phantom.shape[-1])
    image = image + phantom.effect * BLOOD * (1 + 0.06 * shading.standard_normal()) * blood * flow
    image = image * np.exp(BIAS * frame.field(60.0, shading) + 0.05 * shading.standard_normal())
    stored = _heads.stored(_heads.rician(image, phantom.noise, noise), 200)
    return project_mask(Scan(stored, phantom.spacing, mask.astype(np.uint8), frame.affine()), phantom.target)


def _drawn(phantom: PhantomArtery, grown: _vessels.Vessels, pieces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signal of the blood, and the part of each voxel that is artery, (D, H, W): means over the voxel's parts."""
    import numpy as np

    step = phantom.mm / FINE
    low = [start - phantom.mm / 2 + step / 2 for start in phantom.corner()]
    fine = _vessels.filled(grown, pieces, low, [FINE * size for size in phantom.shape[1:]], step)
    split = fine.reshape([part for size in phantom.shape[1:] for part in (size, FINE)])
    return split.mean(axis=(1, 3, 5)), (split > 0).mean(axis=(1, 3, 5), dtype=np.float32)


DATASET = PhantomArtery
