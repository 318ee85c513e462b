"""The dynamic curriculum (DCL): the Cur sets of the stages, their complexities, and the weights of the stages' losses.

Fig. 4 of the paper defines Cur_1 = Out_1 and GT, Cur_k = Cur_{k-1} or (Out_k and GT): sets that grow from stage to
stage inside the truth. Neither code nor equations are public. The sets here follow the figure; the complexity of a
stage, 1 - |Cur_k| / |GT|, and all that uses it are our interpretation, and every choice is a parameter of the method.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from bench.core import Task
from bench.method import Batch

MOMENTUM = 0.9  # of the running means of sizes over batches


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
    """Running mean sizes of the Cur sets and of the truth over training batches: the input of the curriculum.

    They are buffers, so they are saved with the weights and restored when a killed training resumes. Validation and
    test scans never enter them.
    """

    def __init__(self, stages: Sequence[str]) -> None:
        super().__init__()
        self.stages = tuple(stages)
        for name, size in (("sizes", len(stages)), ("weights", len(stages)), ("truth", 1), ("empty", 1)):
            self.register_buffer(name, torch.zeros(size))

    @torch.no_grad()
    def update(self, logits: Sequence[Tensor], batch: Batch, tolerance: float, hard: bool) -> None:
        """Update the sizes with a training batch. logits: the stages' outputs (B, outputs, ...).

        Scans without truth increase `empty` and change nothing else.
        """
        truth = truth_of(batch)
        outs = torch.stack([agreement(each.float(), batch, tolerance, hard) for each in logits])
        sizes, whole = cur_sets(outs, truth).flatten(1).sum(1), truth.sum()
        momentum = torch.where(self.truth > 0, MOMENTUM, 0.0)
        some = whole > 0
        self.sizes.copy_(torch.where(some, momentum * self.sizes + (1 - momentum) * sizes, self.sizes))
        self.truth.copy_(torch.where(some, momentum * self.truth + (1 - momentum) * whole, self.truth))
        self.empty += (truth.flatten(1).sum(1) == 0).sum() if truth.ndim > 1 else 0

    @property
    def complexity(self) -> Tensor:
        """1 - |Cur_k| / |GT| of each stage, (K,); 1 before the first batch."""
        return 1 - self.sizes / self.truth.clamp_min(1e-12)

    @torch.no_grad()
    def weigh(self, schedule: str, progress: float, ramp: float, temperature: float) -> Tensor:
        """Set and return `weights`: the weight of each stage's loss at `progress` of the training, (K,), sum 1.

        none: equal. ramp: c^k for stage k = 0, 1, ..., where c rises linearly from 0 to 1 over the first `ramp` of the
        training: the first stage alone at first, equal weights at the end. cur: softmax(-complexity / temperature):
        simple stages have larger weights; with a negative temperature, complex ones.
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
        """Logged metrics of each stage: relative size of its Cur set, complexity, weight."""
        rows = {"cur": 1 - self.complexity, "complexity": self.complexity, "weight": self.weights}
        by_stage = {
            f"{word} {stage}": float(value)
            for word, values in rows.items()
            for stage, value in zip(self.stages, values.tolist(), strict=True)
        }
        return {**by_stage, "empty masks": float(self.empty)}


def stages_of(task: Task, fusion: str) -> tuple[str, ...]:
    """The stages that the curriculum weights. Without fusion the output of C1 is the prediction itself."""
    if task.kind == "segmentation" and fusion == "last":
        return ("S1", "S4", "S6")  # the third decoder reads S6 and C1, and its output is the prediction
    return ("S1", "S4", "S6", "C1")
