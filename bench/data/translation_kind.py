"""Translation as a kind of task: generate one contrast of a scan from another one.

The channels of a scan are its contrasts, and the classes of the task are their names. A sample is a scan with a source
and a target contrast; one network learns all ordered pairs and gets the pair as a condition. Label maps beside the
scans only judge: where could a contrast not be generated?
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bench.core import BenchError, Task, TaskKind

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

    from bench.data.loader import Normaliser
    from bench.data.modality_pairs import ModalityPart
    from bench.data.prepared import Prepared
    from bench.method import Batch

EXAMPLES, SIDE = 3, 8  # samples of an example, and voxels along each side
CHANNELS = 2  # of a sample: the image of the source contrast, and the code of the pair


def part(
    prepared: Prepared,
    array: np.ndarray,
    rows: np.ndarray,
    normaliser: Normaliser,
    device: torch.device,
    training: bool,
) -> ModalityPart:
    """All ordered pairs of contrasts of the scans of one part of a fold.

    Parameters
    ----------
    prepared : Prepared
    array : ndarray of shape (N, K, ...)
        Its scans.
    rows : ndarray of shape (R,)
        Scans of the part.
    normaliser : Normaliser
        Of each contrast.
    device : torch.device
    training : bool
        Not used: all parts have all pairs.

    Returns
    -------
    ModalityPart

    Raises
    ------
    BenchError
        If the channels are not the contrasts that the task names, or are fewer than two.
    """
    from bench.data.modality_pairs import ModalityPart

    names = prepared.task.classes
    if len(names) < 2 or array.shape[1] != len(names):
        raise BenchError(
            f"{prepared.name}: a translation needs two contrasts or more, one in each channel; the task names "
            f"{len(names)}, and the scans have {array.shape[1]} channels"
        )
    return ModalityPart(array, rows, names, prepared.masks(), normaliser, device)


def losses(outputs: Tensor, batch: Batch) -> Tensor:
    """The mean absolute error of each image, (B,): what every method is validated by."""
    return (outputs - batch.y).abs().flatten(1).mean(1)


def predictions(outputs: Tensor) -> np.ndarray:
    """Images (N, 1, ...)."""
    return outputs.float().cpu().numpy()


def examples(task: Task) -> Iterator[tuple[str, np.ndarray, np.ndarray, tuple[float, ...]]]:
    """Small images on which metrics are tried: description, targets, predictions, voxel size."""
    import numpy as np

    from bench.evaluation import translation

    rng, grid = np.random.default_rng(0), (SIDE,) * 3
    y = np.ones((EXAMPLES, 4, *grid), dtype=np.float32)
    y[:, translation.TRUTH] = rng.normal(size=(EXAMPLES, *grid))
    p = rng.normal(size=(EXAMPLES, 1, *grid)).astype(np.float32)
    yield "random images", y, p, (1.0,) * 3
    yield "black images", y, np.zeros_like(p), (1.0,) * 3


def saved(task: Task, y: np.ndarray, p: np.ndarray, spacing: Sequence[float] | None) -> dict[str, np.ndarray]:
    """What the analysis of a translation needs of each sample, and maps of the first scan.

    Parameters
    ----------
    task : Task
    y, p : ndarray
        Targets (N, 4, ...) and predictions (N, 1, ...), scan by scan.
    spacing : sequence of float or None

    Returns
    -------
    dict of str to ndarray
        `source`, `target`, `psnr` and `ssim` (N,); `missing` (K, ...), the mean over sources of the absolute error of
        each target contrast in the first scan, and its `measured` images (K, ...) and `label` (...); `found` (S, K),
        how well the error finds the label in every scan: the area under the ROC curve, NaN without a label; `spacing`
        in mm, 1 mm if it is unknown.
    """
    import numpy as np

    from bench.data.translation_maps import error_maps, label_areas
    from bench.evaluation import translation

    count = len(task.classes)
    code = y[:, translation.CODE].reshape(len(y), -1)[:, 0].round().astype("int64")
    maps = error_maps(y, p, count)
    first = y[: count * (count - 1)]
    images = [first[code[: len(first)] % count == contrast][0][translation.TRUTH] for contrast in range(count)]
    return {
        "source": code // count,
        "target": code % count,
        "psnr": translation.peak_signal_to_noise(y, p, spacing),
        "ssim": translation.structural_similarity(y, p, spacing),
        "missing": maps[0].astype("float32"),
        "measured": np.stack(images).astype("float32"),
        "label": first[0, translation.LABEL].astype("uint8"),
        "found": label_areas(maps, y, count),
        "spacing": np.array(spacing or (1.0,) * (y.ndim - 2)),
    }


def misfit(y: np.ndarray, p: np.ndarray) -> str | None:
    """Why targets and predictions do not fit each other, see `bench.evaluation.translation`; None if they do.

    Parameters
    ----------
    y, p : ndarray
        Targets and predictions.

    Returns
    -------
    str or None
    """
    from bench.evaluation import translation

    return translation.misfit(y, p)


TRANSLATION = TaskKind(
    name="translation",
    per_voxel=True,
    outputs=lambda task: 1,
    sample_shape=lambda shape: (CHANNELS, *shape[1:]),
    part=part,
    losses=losses,
    predictions=predictions,
    misfit=misfit,
    examples=examples,
    saved=saved,
    unfit="it predicts something of a scan, and this task generates another contrast of it",
)
