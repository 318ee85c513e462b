"""Volumes whose classes differ in nothing but the order of their slices: a blob that moves forwards or backwards.

The same slices in another order have the same mean, the same maximum and the same entropy, so a projection along the
first axis cannot separate the classes; a dynamic image along it, or a 3D network, can. There is no anatomy. Orders are
drawn from the model of Mallows (Biometrika 44, 1957): the fewer pairs of slices are out of order, the likelier an order
is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from bench.core import Sample, Scan, Task, param
from bench.datasets._phantom import Limits, Phantom

if TYPE_CHECKING:
    import numpy as np

FIRMNESS = 0.1  # of the order, at an effect of 1: each pair out of order makes it less likely by about this share
BLOB, PATH = (0.10, 0.15), 0.32  # of the edge: its radius, from and to; how far it goes to both sides of the middle


@dataclass(frozen=True)
class PhantomOrder(Phantom):
    """A blob that moves through the slices forwards or backwards; mean and maximum along them say nothing."""

    title: ClassVar[str] = "Phantom of order: equal slices forwards or backwards (not real scans)"
    source: ClassVar[str] = "made by bench"
    licence: ClassVar[str] = "the licence of bench"
    citation: ClassVar[str] = "Mallows CL. Non-null ranking models. I. Biometrika 44:114-130, 1957. doi:10.2307/2333244"
    limits: ClassVar[Limits] = {"slices": (4, 128), "size": (16, 128), "noise": (0, 2)}
    task: ClassVar[Task] = Task("classification", "auc", ("forward", "backward"))

    subjects: int = param(60, "volumes, every second backward")
    slices: int = param(24, "along the first axis, the one whose order counts")
    size: int = param(32, "rows and columns of a slice")
    effect: float = param(1.0, "firmness of the order; at 0 slices are shuffled")
    label_noise: float = param(0.0, "share of the labels that are of the other class")
    noise: float = param(0.1, "deviation of the noise, where the blob is 1")
    seed: int = param(0, "of all that is random")

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, self.slices, self.size, self.size)

    @property
    def spacing(self) -> tuple[float, ...]:
        return (4.0,) * 3

    def truth(self) -> np.ndarray:
        """The mean path of the blob in ordered slices, forwards or backwards, (D, H, W); 0 without effect."""
        import numpy as np

        blobs = _blobs(self.slices, self.size, (0.0, 0.0), 0.0, sum(BLOB) / 2)
        return np.maximum(blobs, blobs[::-1]) * float(self.effect > 0)

    def reader(self, oracle: np.ndarray) -> np.ndarray:
        """Probabilities of forward and backward (N, 2) given the order, whose Kendall's tau is `oracle`."""
        import numpy as np
        from scipy.special import expit

        odds = FIRMNESS * self.effect * self.slices * (self.slices - 1) / 2 * oracle
        return np.stack([expit(odds), expit(-odds)], axis=1)

    def samples_of(self, number: int) -> Sequence[Sample]:

        backward = number % 2
        label = self.noisy_label(number, backward, 2)
        rng = self.rng(number, "order")
        order, swaps = mallows(self.slices, FIRMNESS * self.effect, rng)
        tau = 1 - 4 * swaps / (self.slices * (self.slices - 1))
        if backward:
            order, tau = order[::-1], -tau
        name, read = f"phantom-{number:04d}", partial(_scan, self, number, tuple(order))
        return [Sample(name, name, float(label), self.task.classes[label], read, covariates={"oracle": tau})]


def mallows(count: int, firmness: float, rng: np.random.Generator) -> tuple[list[int], int]:
    """An order of 0 .. count-1 and its pairs out of order; each of them multiplies the probability by exp(-firmness).

    Each item is inserted among the previous ones, at a random distance from the end (Doignon, Pekec & Regenwetter
    2004).
    """
    import numpy as np

    order: list[int] = []
    swaps = 0
    for each in range(count):
        weights = np.exp(-firmness * np.arange(each + 1))
        passed = int(rng.choice(each + 1, p=weights / weights.sum()))
        order.insert(each - passed, each)
        swaps += passed
    return order, swaps


def _scan(phantom: PhantomOrder, number: int, order: Sequence[int]) -> Scan:
    """One volume: the path of the blob and the noise of every slice are drawn independently of the order."""
    import numpy as np

    way, noise = phantom.rngs(number, "way", "noise")
    shift, turn = 0.05 * way.standard_normal(2), 0.25 * way.standard_normal()
    blobs = _blobs(phantom.slices, phantom.size, shift, turn, way.uniform(*BLOB))[list(order)]
    image = 0.6 + way.uniform(0.8, 1.2) * blobs + phantom.noise * noise.standard_normal(blobs.shape)
    return Scan(np.clip(np.round(110 * image), 0, 255).astype(np.uint8)[None], phantom.spacing)


def _blobs(slices: int, size: int, shift: Sequence[float], turn: float, radius: float) -> np.ndarray:
    """(slices, size, size) in [0, 1]: a blob that goes along the rows. Lengths in edges, `turn` in radians."""
    import numpy as np

    along = np.linspace(-PATH, PATH, slices)
    rows, columns = (shift[0] + along * np.cos(turn), shift[1] + along * np.sin(turn))
    places = (np.arange(size) + 0.5) / size - 0.5
    squares = (places[None, :, None] - rows[:, None, None]) ** 2 + (places[None, None] - columns[:, None, None]) ** 2
    return np.exp(-squares / (2 * radius**2))


DATASET = PhantomOrder
