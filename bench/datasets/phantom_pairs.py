"""Heads that are smooth deformations of one average brain: the displacement between any two of them is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, ClassVar

from bench.core import Sample, Scan, Task, param
from bench.data.registration_kind import REGISTRATION
from bench.datasets import _anatomy, _deformation, _heads
from bench.datasets._anatomy import Frame
from bench.datasets._phantom import ANY, HeadPhantom, Limits

if TYPE_CHECKING:
    import numpy as np

STRUCTURES = ("grey matter and fluid", "white matter", "ventricles", "hippocampi")
TURN, STRETCH, SHIFT = 0.04, 0.03, 2.0  # deviations of a person: radians, logarithm of the size, millimetres
BENDS = ((60.0, 3.0), (36.0, 1.2))  # knots of a random velocity in mm, and its deviation in mm
BORDER = 0.15  # of the grid, over which the bends fall to 0


@dataclass(frozen=True)
class PhantomPairs(HeadPhantom):
    """The average brain of MNI152, moved, stretched and bent for every person, with four structures.

    A person's scan is the average brain at psi(x), where psi is the flow of a random smooth velocity: a diffeomorphism
    whose inverse is the flow of the negative velocity. So the displacement from one person to another is known:
    psi_moving^-1(psi_fixed(x)) - x. The oracle has an end-point error of 0 mm; the method `identity` bounds it above.
    """

    title: ClassVar[str] = "Phantom of pairs to align: heads with known deformations of MNI152 (not real scans)"
    limits: ClassVar[Limits] = {"subjects": (2, ANY), "mm": (2, 12)}
    task: ClassVar[Task] = Task(REGISTRATION, "endpoint_error", ("background", *STRUCTURES))

    subjects: int = param(24, "number of people")
    effect: float = param(1.0, "size of the deformations, relative to the default; at 0 all heads are alike")
    mm: float = param(6.0, "voxel size in mm")
    noise: float = param(0.02, "standard deviation of the Rician noise; white matter has an intensity of about 0.8")
    seed: int = param(0, "seed of all random numbers")

    def samples_of(self, number: int) -> Sequence[Sample]:
        name = f"phantom-{number:04d}"
        read = partial(_scan, self, number)
        return [Sample(name, name, float("nan"), "head", read, covariates={"oracle": 0.0})]

    def velocity(self, number: int) -> np.ndarray:
        """The velocity whose flow is the deformation of a person, (3, D, H, W), in voxels."""
        import numpy as np

        pose, bends = self.rngs(number, "pose", "bends")
        frame, shape = Frame.whole(self.mm), self.shape[1:]
        turn = TURN * pose.standard_normal(3)
        matrix = np.array([[0, -turn[2], turn[1]], [turn[2], 0, -turn[0]], [-turn[1], turn[0], 0]])
        matrix = matrix + np.diag(STRETCH * pose.standard_normal(3))
        velocity = _deformation.linear_velocity(matrix, SHIFT / self.mm * pose.standard_normal(3), shape)
        for knots, deviation in BENDS:
            bend = np.stack([frame.field(knots, bends) for _ in range(3)])
            velocity += deviation / self.mm * bend * _inner(shape)
        return self.effect * velocity

    def true_displacement(self, fixed: str, moving: str) -> np.ndarray:
        """The displacement that aligns two people, (3, D, H, W), in voxels."""
        import numpy as np

        psi, inverse = (_flow(self, _number(name), sign) for name, sign in ((fixed, 1), (moving, -1)))
        here = np.indices(self.shape[1:], dtype=np.float64)
        return (_deformation.at(inverse - here, psi) + psi - here).astype(np.float32)


def _number(name: str) -> int:
    return int(name.rpartition("-")[2])


def _inner(shape: Sequence[int]) -> np.ndarray:
    """1 inside the grid, falling to 0 at its border: bends move nothing into the grid from outside."""
    import numpy as np

    edges = [np.clip(np.minimum(np.arange(size), np.arange(size)[::-1]) / (BORDER * size), 0, 1) for size in shape]
    smooth = [edge**2 * (3 - 2 * edge) for edge in edges]
    return smooth[0][:, None, None] * smooth[1][None, :, None] * smooth[2][None, None, :]


@lru_cache(maxsize=128)
def _flow(phantom: PhantomPairs, number: int, sign: int) -> np.ndarray:
    """The position map of a person, or with sign -1 its inverse, (3, D, H, W), in voxels. Computed once per process."""
    return _deformation.flow(sign * phantom.velocity(number))


def _scan(phantom: PhantomPairs, number: int) -> Scan:
    """The scan of a person and its label map."""
    import numpy as np

    frame = Frame.whole(phantom.mm)
    corner = np.array(_anatomy.CORNER).reshape(3, 1, 1, 1)
    points = corner + phantom.mm * _flow(phantom, number, 1)  # in the average brain, in mm
    atlas = _anatomy.atlas(phantom.mm)
    t1, brain, white, ventricles = _anatomy.sample([atlas.t1, atlas.brain, atlas.white, atlas.ventricles], points)
    labels = np.zeros(phantom.shape[1:], dtype=np.uint8)
    inside = (_anatomy.hippocampi(points) < 0, ventricles < 0, white > 0.5)
    labels[brain > 0.5] = 1
    for label, where in zip((4, 3, 2), inside, strict=True):  # the first that holds
        labels[where & (labels == 1)] = label
    noise = phantom.rng(number, "noise")
    return Scan(_heads.stored(_heads.rician(t1, phantom.noise, noise)), phantom.spacing, labels, frame.affine())


DATASET = PhantomPairs
