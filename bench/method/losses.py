"""The supervised loss of each scan, by the kind of task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.core import task_kind

if TYPE_CHECKING:
    from torch import Tensor

    from bench.method.training_batch import Batch


def label_losses(logits: Tensor, batch: Batch) -> Tensor:
    """Compute the supervised loss of each scan, with the label smoothing of the stage and the classes of mixed scans.

    Parameters
    ----------
    logits : Tensor of shape (B, outputs), or (B, K, ...) for masks
        Outputs of the network.
    batch : Batch
        The scans of this step.

    Returns
    -------
    Tensor of shape (B,)
        Cross-entropy for classes; absolute error for numbers; cross-entropy plus 1 - soft Dice for masks; for another
        kind of task what `TaskKind.losses` returns.

    Raises
    ------
    ValueError
        If the outputs have another shape than the task needs.
    """
    from torch.nn import functional as F

    if own := task_kind(batch.task.kind).losses:
        return own(logits, batch)
    _check_shape(logits, batch)
    if batch.task.kind == "regression":
        return (logits.squeeze(1) - batch.y).abs()
    losses = F.cross_entropy(logits, batch.y, reduction="none", label_smoothing=batch.stage.label_smoothing)
    if (mixture := batch.mixture) is not None:
        second = F.cross_entropy(logits, mixture.y, reduction="none", label_smoothing=batch.stage.label_smoothing)
        losses = mixture.share * losses + (1 - mixture.share) * second
    if batch.task.kind == "classification":
        return losses
    return losses.flatten(1).mean(1) + 1 - soft_dice(logits, batch.y)


def _check_shape(logits: Tensor, batch: Batch) -> None:
    """Torch would spread a wrong shape over the batch, or blame an operation inside the loss."""
    needed = (len(batch.y), batch.task.outputs, *batch.y.shape[1:])
    if tuple(logits.shape) != needed:
        raise ValueError(
            f"the network returned an output of shape {tuple(logits.shape)}; for {len(batch.y)} scans of this "
            f"{batch.task.kind} task it must be {needed}: correct `build`"
        )


def soft_dice(logits: Tensor, masks: Tensor) -> Tensor:
    """Compute the soft Dice of each scan, averaged over the classes without the background.

    Parameters
    ----------
    logits : Tensor of shape (B, K, ...)
        Outputs of the network; class 0 is the background.
    masks : Tensor of shape (B, ...)
        True class of each voxel.

    Returns
    -------
    Tensor of shape (B,)
        From 0 to 1.
    """
    from torch.nn import functional as F

    probabilities = logits.softmax(1).flatten(2)[:, 1:]  # (B, K - 1, voxels)
    truth = F.one_hot(masks, logits.shape[1]).movedim(-1, 1).flatten(2)[:, 1:].to(probabilities.dtype)
    overlap, total = (probabilities * truth).sum(2), probabilities.sum(2) + truth.sum(2)
    return ((2 * overlap + 1e-5) / (total + 1e-5)).mean(1)
