"""The dynamic curriculum (DCL): what each stage has already learnt, how complex the rest is, what a stage weighs.

Fig. 4 of the paper draws Cur_1 = Out_1 and GT, Cur_k = Cur_{k-1} or (Out_k and GT): sets that grow from stage to stage
inside the truth. No code of it is published, and its equations are not public. Here the sets are those of the figure;
that the complexity of a stage is 1 - |Cur_k| / |GT|, and what follows from it, is our reading, with every choice a
parameter of the method.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from bench.core import Task
from bench.method import Batch

KEPT = 0.9  # of the sizes of the batches before, in their running means


def cur_sets(outs: Tensor, truth: Tensor) -> Tensor:
    """The Cur sets as memberships in [0, 1]: outs (K, ...) and truth (...), both in [0, 1], to (K, ...).

    Cur_k = Cur_{k-1} + (1 - Cur_{k-1}) outs_k truth. Where outs and truth are 0 or 1 this is the set Cur_{k-1} or
    (Out_k and GT). It never falls from one stage to the next, and never exceeds the truth where that is 0 or 1.
    """
    sets, before = [], torch.zeros_like(outs[0])
    for out in outs:
        before = before + (1 - before) * out * truth
        sets.append(before)
    return torch.stack(sets)


def agreement(logits: Tensor, batch: Batch, tolerance: float, hard: bool) -> Tensor:
    """How far an output is right, in [0, 1]: (B,) for classes and numbers, (B, ...) for masks.

    Classes and masks: the probability of the true class; hard: whether it is the likeliest. Numbers: 1 at no error and
    1/2 at `tolerance`, exp(-ln 2 |error| / tolerance); hard: whether |error| <= tolerance. tolerance: in deviations of
    the training part's targets.
    """
    if batch.task.kind == "regression":
        error = (logits.squeeze(1) - batch.y).abs()
        return (error <= tolerance).float() if hard else torch.exp(-math.log(2) * error / tolerance)
    if hard:
        return (logits.argmax(1) == batch.y).float()
    return logits.softmax(1).gather(1, batch.y.unsqueeze(1)).squeeze(1)


def truth_of(batch: Batch) -> Tensor:
    """GT as memberships: every scan, (B,), for classes and numbers; the pixels of a structure, (B, ...), for masks."""
    if batch.task.kind == "segmentation":
        return (batch.y > 0).float()
    return torch.ones(len(batch.y), device=batch.y.device)


class Progress(nn.Module):
    """Running sizes of the Cur sets and of the truth over training batches: what the curriculum knows.

    They are buffers, so that they are saved with the weights and a killed training goes on from them. Nothing else is
    measured on, neither validation nor test.
    """

    def __init__(self, stages: Sequence[str]) -> None:
        super().__init__()
        self.stages = tuple(stages)
        for name, size in (("sizes", len(stages)), ("weights", len(stages)), ("truth", 1), ("empty", 1)):
            self.register_buffer(name, torch.zeros(size))

    @torch.no_grad()
    def update(self, logits: Sequence[Tensor], batch: Batch, tolerance: float, hard: bool) -> None:
        """Take a training batch into account: the stages' outputs (B, outputs, ...). Scans without truth are counted
        in `empty` and add nothing else."""
        truth = truth_of(batch)
        outs = torch.stack([agreement(each.float(), batch, tolerance, hard) for each in logits])
        sizes, whole = cur_sets(outs, truth).flatten(1).sum(1), truth.sum()
        kept = torch.where(self.truth > 0, KEPT, 0.0)
        some = whole > 0
        self.sizes.copy_(torch.where(some, kept * self.sizes + (1 - kept) * sizes, self.sizes))
        self.truth.copy_(torch.where(some, kept * self.truth + (1 - kept) * whole, self.truth))
        self.empty += (truth.flatten(1).sum(1) == 0).sum() if truth.ndim > 1 else 0

    @property
    def complexity(self) -> Tensor:
        """1 - |Cur_k| / |GT| of each stage, (K,); 1 before anything was seen."""
        return 1 - self.sizes / self.truth.clamp_min(1e-12)

    @torch.no_grad()
    def weigh(self, schedule: str, progress: float, ramp: float, temperature: float) -> Tensor:
        """The weight of each stage's loss, (K,), with sum 1, as it is at `progress` of the training; kept as `weights`.

        none: all alike. ramp: c^k for stage k = 0, 1, ..., where c rises linearly from 0 to 1 over the first `ramp` of
        the training: the first stage alone, then all alike. cur: softmax(-complexity / temperature): what has been
        found simple leads; a negative temperature lets what is still complex lead.
        """
        if schedule == "none":
            weights = torch.ones_like(self.weights)
        elif schedule == "ramp":
            share = min(1.0, progress / ramp) if ramp > 0 else 1.0
            weights = torch.tensor([share**k for k in range(len(self.stages))]).to(self.weights)
        else:
            weights = torch.softmax(-self.complexity / temperature, 0)
        self.weights.copy_(weights / weights.sum())
        return self.weights

    def metrics(self) -> dict[str, float]:
        """What is logged: for each stage the size of its Cur set as a share of the truth, complexity and weight."""
        rows = {"cur": 1 - self.complexity, "complexity": self.complexity, "weight": self.weights}
        told = {
            f"{word} {stage}": float(value)
            for word, values in rows.items()
            for stage, value in zip(self.stages, values.tolist(), strict=True)
        }
        return {**told, "empty masks": float(self.empty)}


def stages_of(task: Task, fusion: str) -> tuple[str, ...]:
    """The stages whose outputs are judged: the last, C1, is the network's answer itself where nothing is fused."""
    if task.kind == "segmentation" and fusion == "last":
        return ("S1", "S4", "S6")  # the third decoder begins with S6 and C1, and its output is the answer
    return ("S1", "S4", "S6", "C1")
