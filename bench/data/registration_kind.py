"""Registration as a kind of task: align the scans of two people.

A sample is an ordered pair (fixed, moving): a network reads both as channels and returns a displacement in voxels.
Label maps lie beside the scans and judge the alignment; no shipped method learns from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bench import registry
from bench.core import Task, TaskKind

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

    from bench.data.loader import Normaliser
    from bench.data.prepared import Prepared
    from bench.data.scan_pairs import PairPart
    from bench.method import Batch

AXES = 3
EXAMPLES, SIDE = 3, 6  # pairs of an example, and voxels along each side
DRAWN = 1  # pairs whose middle slices a record keeps for figures


def units(groups: Sequence[str], clusters: Sequence[str], sites: Sequence[str]) -> tuple[str, ...]:
    """The couple of each scan: see `bench.data.scan_pairs.couples`."""
    from bench.data.scan_pairs import couples

    return couples(groups, clusters, sites)


def part(
    prepared: Prepared,
    array: np.ndarray,
    rows: np.ndarray,
    normaliser: Normaliser,
    device: torch.device,
    training: bool,
) -> PairPart:
    """The pairs of one part of a fold: all ordered pairs for training, else those inside couples.

    Parameters
    ----------
    prepared : Prepared
    array : ndarray of shape (N, C, ...)
        Its scans.
    rows : ndarray of shape (R,)
        Scans of the part.
    normaliser : Normaliser
    device : torch.device
    training : bool

    Returns
    -------
    PairPart
    """
    from bench.data.scan_pairs import PairPart, pairs_of

    pairs = pairs_of(rows, prepared.people, None if training else prepared.groups)
    dataset = registry.make("datasets", prepared.name, prepared.params)

    def displacement(fixed: int, moving: int) -> np.ndarray | None:
        return dataset.true_displacement(prepared.ids[fixed], prepared.ids[moving])

    return PairPart(array, pairs, prepared.masks(), normaliser, device, displacement)


def losses(outputs: Tensor, batch: Batch) -> Tensor:
    """The loss that every method is validated by, and learns from unless it has its own: see `alignment_losses`."""
    from bench.method.registration_losses import alignment_losses

    return alignment_losses(outputs, batch)


def predictions(outputs: Tensor) -> np.ndarray:
    """Displacements (N, axes, ...) in voxels."""
    return outputs.float().cpu().numpy()


def examples(task: Task) -> Iterator[tuple[str, np.ndarray, np.ndarray, tuple[float, ...]]]:
    """Small pairs with displacements on which metrics are tried: description, targets, predictions, voxel size."""
    import numpy as np

    rng, grid = np.random.default_rng(0), (SIDE,) * AXES
    y = np.zeros((EXAMPLES, 2 + AXES, *grid), dtype=np.float32)
    y[:, :2] = rng.integers(0, max(2, len(task.classes)), (EXAMPLES, 2, *grid))
    p = rng.normal(size=(EXAMPLES, AXES, *grid)).astype(np.float32)
    yield "random displacements", y, p, (1.0,) * AXES
    yield "no displacement", y, np.zeros_like(p), (1.0,) * AXES


def saved(task: Task, y: np.ndarray, p: np.ndarray, spacing: Sequence[float] | None) -> dict[str, np.ndarray]:
    """The Dice coefficients of the structures of each pair, (P, K), and the displacements of the first pairs.

    Parameters
    ----------
    task : Task
    y, p : ndarray
        Targets and predictions of `bench.evaluation.registration`.
    spacing : sequence of float or None

    Returns
    -------
    dict of str to ndarray
        `structure_dice`; `displacement` (DRAWN, axes, ...) in voxels, float32.
    """
    from bench.evaluation import registration

    return {
        "structure_dice": registration.structure_dice(y, p, max(1, len(task.classes) - 1)).astype("float32"),
        "displacement": p[:DRAWN].astype("float32"),
    }


def misfit(y: np.ndarray, p: np.ndarray) -> str | None:
    """Why targets and predictions do not fit each other, see `bench.evaluation.registration`; None if they do.

    Parameters
    ----------
    y, p : ndarray
        Targets and predictions.

    Returns
    -------
    str or None
    """
    from bench.evaluation import registration

    return registration.misfit(y, p)


REGISTRATION = TaskKind(
    name="registration",
    per_voxel=True,
    outputs=lambda task: AXES,
    sample_shape=lambda shape: (2 * shape[0], *shape[1:]),
    units=units,
    part=part,
    losses=losses,
    predictions=predictions,
    misfit=misfit,
    examples=examples,
    saved=saved,
    labels_judge=True,
    counted=("couple", "couples"),
    unfit="it reads one scan, and this task aligns two",
)
