"""One person's head, in a volume or in a slice: the average brain, deformed, shaded and widened by fluid.

Skull and scalp are shells of even thickness around the average brain, without a face or a base of the skull.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.datasets import _anatomy
from bench.datasets._anatomy import Frame

if TYPE_CHECKING:
    import numpy as np

FLUID = 0.2  # intensity of cerebrospinal fluid, where white matter is about 0.9
TURN, SIZE, STRETCH, SHIFT = 1.0, 0.012, 0.01, 0.5  # deviations: degrees, logarithms, millimetres
BENDS = ((40.0, 1.3), (16.0, 0.5))  # millimetres: structure and deviation, of the head and of its folds
WHITE = 140  # uint8 value of an intensity of 1
GAP, SKULL, SCALP = 2.5, 9.0, 15.0  # millimetres from the brain to where each layer ends: fluid, bone, skin and fat


@dataclass(frozen=True)
class Region:
    """Reach of fluid in one region, in millimetres."""

    usual: float  # in a healthy person of the mean age
    spread: float  # deviation between people
    year: float  # more for each year of age
    illness: float  # more in a patient, times the effect

    def deviation(self, patient: float, years: float, person: float) -> float:
        """Excess over the usual reach. years: from the mean age. person: individual deviation, standard normal."""
        return self.spread * person + self.year * years + self.illness * patient

    def reach(self, patient: float, years: float, person: float) -> float:
        """Reach of fluid in millimetres, at least 0."""
        return max(0.0, self.usual + self.spread * person + self.year * years + self.illness * patient)


def bent(frame: Frame, bending: float, rng: np.random.Generator) -> np.ndarray:
    """The position in the average brain of each voxel of this person: (3, D, H, W), millimetres."""
    import numpy as np
    from scipy.spatial.transform import Rotation

    turn = Rotation.from_euler("xyz", TURN * bending * rng.standard_normal(3), degrees=True).as_matrix()
    size = np.exp(bending * (SIZE * rng.standard_normal() + STRETCH * rng.standard_normal(3)))
    points = np.einsum("ij,jdhw->idhw", turn / size, frame.points())
    points += SHIFT * bending * rng.standard_normal((3, 1, 1, 1))
    for knots, deviation in BENDS:
        for axis in range(3):
            points[axis] += bending * deviation * frame.field(knots, rng)
    return points


def shaded(t1: np.ndarray, white: np.ndarray, frame: Frame, rng: np.random.Generator) -> np.ndarray:
    """This person's contrast between the tissues, and small smooth differences everywhere."""
    contrast = 0.06 * rng.standard_normal()
    return t1 * (1 + contrast * (white - 0.5) + 0.03 * frame.field(15.0, rng))


def around(distance: np.ndarray, reach: float, mm: float) -> np.ndarray:
    """The part of each voxel within `reach` millimetres of a surface, (D, H, W), for voxels of `mm` millimetres."""
    from scipy.special import expit

    return expit((reach - distance) / (0.5 + mm / 4))


def lost(points: np.ndarray, loss: float, mm: float) -> np.ndarray:
    """The part of each voxel that the hippocampi have left; they are `loss` millimetres thinner than the average."""
    from scipy.special import expit

    width = 0.5 + mm / 4
    gone = expit(_anatomy.hippocampi(points, loss) / width) - expit(_anatomy.hippocampi(points) / width)
    return gone.clip(0, 1)


def either(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The part of a voxel that any of several fluids takes."""
    left = 1 - parts[0]
    for part in parts[1:]:
        left = left * (1 - part)
    return 1 - left


def rician(image: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """The magnitude of a signal with noise in both of its channels."""
    import numpy as np

    first, second = (noise * rng.standard_normal(image.shape) for _ in range(2))
    return np.hypot(image + first, second)


def stored(image: np.ndarray, white: float = WHITE) -> np.ndarray:
    """(D, H, W) intensities as a scan holds them: (1, D, H, W) uint8, `white` for an intensity of 1."""
    import numpy as np

    return np.clip(np.round(white * image), 0, 255).astype(np.uint8)[None]


def picture(plane: np.ndarray) -> np.ndarray:
    """An axial plane (..., W, H, 1), left-right and posterior-anterior, as pictures are: (..., H, W), front on top."""
    import numpy as np

    return np.ascontiguousarray(np.swapaxes(plane[..., 0], -1, -2)[..., ::-1, :])


def between(distance: np.ndarray, low: float, high: float, width: float) -> np.ndarray:
    """1 where a distance is between two, falling to 0 over about `width` millimetres."""
    from scipy.special import expit

    return expit((distance - low) / width) * expit((high - distance) / width)
