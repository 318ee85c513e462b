"""Score of a perfect reader of a phantom's images: an upper bound for every method, apart from chance.

Every sample of a phantom has a covariate `oracle`, the number that such a reader knows. The data set's `reader` turns
these numbers into predictions, and `oracle_score` evaluates them like those of a method.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench import registry
from bench.core import BenchError

if TYPE_CHECKING:
    import numpy as np

    from bench.data.prepare import Prepared
    from bench.datasets._phantom import Phantom


def oracle_score(prepared: Prepared) -> float:
    """The best possible score on these scans, in the task's primary metric; in a small set chance can exceed it.

    For segmentation it is the mean Dice of the true mask against the given one; without visible effect (`effect` of 0),
    that of the best constant mask. For registration the covariate is the score. BenchError if it is not a phantom.
    """
    import numpy as np

    from bench.evaluation.metrics import metric

    if "oracle" not in prepared.covariates:
        raise BenchError(f"{prepared.name} has no best possible score: only phantoms have one")
    known = np.array(prepared.covariates["oracle"], dtype=float)
    if prepared.task.per_voxel:
        unseen = prepared.task.kind == "segmentation" and prepared.params["effect"] <= 0
        return _one_for_all(prepared) if unseen else float(known.mean())
    made: Phantom = registry.make("datasets", prepared.name, prepared.params)
    return metric(prepared.task.primary)(prepared.targets, made.reader(known))


def estimate(deviations: Sequence[float], slopes: Sequence[float], spreads: Sequence[float]) -> float:
    """The latent variable x from measures with mean slope * x and normal deviation: the best linear estimate."""
    terms = list(zip(deviations, slopes, spreads, strict=True))
    information = sum((slope / spread) ** 2 for _, slope, spread in terms)
    return sum(deviation * slope / spread**2 for deviation, slope, spread in terms) / information


def combined(slopes: Sequence[float], spreads: Sequence[float]) -> float:
    """The deviation of `estimate` from the latent variable."""
    return sum((slope / spread) ** 2 for slope, spread in zip(slopes, spreads, strict=True)) ** -0.5


def likelihoods(values: np.ndarray, levels: Sequence[float], spread: float) -> np.ndarray:
    """Probabilities of equally frequent classes with normal values around their levels: (N,) to (N, K)."""
    import numpy as np
    from scipy.special import softmax

    return softmax(-(((values[:, None] - np.array(levels)) / spread) ** 2) / 2, axis=1)


def flipped(label: int, classes: int, share: float, seed: int) -> int:
    """The label, or with probability `share` another one; the same labels stay flipped as the share grows."""
    import numpy as np

    rng = np.random.default_rng(seed)
    chance, shift = rng.random(), int(rng.integers(1, classes))
    return (label + shift) % classes if chance < share else label


def _one_for_all(prepared: Prepared) -> float:
    """Mean Dice of the best constant mask: the most frequent voxels, as many as maximise it."""
    import numpy as np

    masks = np.asarray(prepared.masks()).reshape(len(prepared.ids), -1) > 0
    often = masks.mean(axis=0)
    sizes = masks.sum(axis=1)
    guesses = (often >= least for least in np.unique(often[often > 0]))
    return max(float((2 * masks[:, guess].sum(axis=1) / (sizes + guess.sum())).mean()) for guess in guesses)


def class_probabilities(oracle: np.ndarray, classes: int) -> np.ndarray:
    """Probabilities (N, K) from the known class (N,): 1 for that class; equal for all classes where it is -1."""
    import numpy as np

    known = np.eye(classes)[oracle.astype(int).clip(0)]
    return np.where(oracle[:, None] < 0, 1 / classes, known)
