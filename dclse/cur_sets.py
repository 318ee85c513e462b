"""The Cur sets of the stages: what of the truth each stage and those before it agree with, and what chance would give.

Fig. 4 of the paper defines Cur_1 = Out_1 and GT, Cur_k = Cur_{k-1} or (Out_k and GT): sets that grow from stage to
stage inside the truth. A stage that knows nothing still agrees with part of the truth; `chance_sizes` says with how
much, so that it can be subtracted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.method import Batch


def cur_sets(outs: Tensor, truth: Tensor) -> Tensor:
    """The Cur sets as memberships in [0, 1]: outs (K, ...) and truth (...), both in [0, 1], to (K, ...).

    Cur_k = Cur_{k-1} + (1 - Cur_{k-1}) outs_k truth. For outs and truth of 0 or 1 this is the set Cur_{k-1} or
    (Out_k and GT). It never decreases from one stage to the next, and never exceeds a truth of 0 or 1.
    """
    sets, before = [], torch.zeros_like(outs[0])
    for out in outs:
        before = before + (1 - before) * out * truth
        sets.append(before)
    return torch.stack(sets)


def agreement(logits: Tensor, batch: Batch, tolerance: float, hard: bool) -> Tensor:
    """Agreement of an output with the truth, in [0, 1]: (B,) for classes and numbers, (B, ...) for masks.

    Classes and masks: the probability of the true class; hard: 1 if it is the most probable. Numbers:
    exp(-ln 2 |error| / tolerance), 1/2 at `tolerance`; hard: 1 if |error| <= tolerance. tolerance: in standard
    deviations of the training targets.
    """
    if batch.task.kind == "regression":
        return _close(logits.squeeze(1) - batch.y, tolerance, hard)
    if hard:
        return (logits.argmax(1) == batch.y).float()
    return logits.softmax(1).gather(1, batch.y.unsqueeze(1)).squeeze(1)


def truth_of(batch: Batch) -> Tensor:
    """GT as memberships: every scan, (B,), for classes and numbers; the pixels of a structure, (B, ...), for masks."""
    if batch.task.kind == "segmentation":
        return (batch.y > 0).float()
    return torch.ones(len(batch.y), device=batch.y.device)


def chance_sizes(logits: Sequence[Tensor], batch: Batch, tolerance: float, hard: bool) -> Tensor:
    """Expected sizes of the Cur sets, (K,), if the same truth were assigned to the same outputs at random.

    The targets are exchanged between the scans of the batch, for masks between the pixels of each scan; the result is
    the mean over all exchanges. Outputs that do not depend on the truth have sets of this size on average, however
    confident they are and however many stages there are.
    """
    if batch.task.kind == "regression":
        errors = torch.stack([each.float() - batch.y for each in logits])  # (K, B, 1) - (B,) to (K, B, B)
        pairs = _close(errors, tolerance, hard)
        return cur_sets(pairs, torch.ones_like(pairs[0])).mean(1).sum(1)
    outs = torch.stack([_probabilities(each.float(), hard) for each in logits])  # (K, B, C, ...)
    sets = cur_sets(outs, torch.ones_like(outs[0]))
    classes = F.one_hot(batch.y, outs.shape[2]).float()  # (B, ..., C)
    if batch.task.kind == "classification":
        return sets.mean(1) @ classes.sum(0)
    counts = classes.flatten(1, -2).sum(1)[:, 1:]  # (B, C - 1), of the structures
    return (sets.flatten(3).mean(3)[:, :, 1:] * counts).sum((1, 2))


def by_scan(sets: Tensor, truth: Tensor) -> Tensor:
    """The share of the truth of each scan inside the Cur sets: (K, B, ...) and (B, ...) to (K, B); 1 without truth."""
    whole = truth.flatten(1).sum(1) if truth.ndim > 1 else truth
    sizes = sets.flatten(2).sum(2) if sets.ndim > 2 else sets
    return torch.where(whole > 0, sizes / whole.clamp_min(1e-12), torch.ones_like(sizes))


def _close(error: Tensor, tolerance: float, hard: bool) -> Tensor:
    error = error.abs()
    return (error <= tolerance).float() if hard else torch.exp(-math.log(2) * error / tolerance)


def _probabilities(logits: Tensor, hard: bool) -> Tensor:
    """(B, C, ...), of each class; hard: 1 for the most probable."""
    return torch.zeros_like(logits).scatter_(1, logits.argmax(1, keepdim=True), 1.0) if hard else logits.softmax(1)
