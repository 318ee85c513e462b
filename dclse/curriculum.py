"""The dynamic curriculum (DCL): the complexities of the stages, and the weights of the stages' losses.

Neither code nor equations of the paper are public. The Cur sets (`dclse.cur_sets`) follow its figure 4; the complexity
of a stage and all that uses it are our interpretation, and every choice is a parameter of the method.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from bench.core import Task
from bench.method import Batch
from dclse.cur_sets import agreement, by_scan, chance_sizes, cur_sets, truth_of

MOMENTUM = 0.9  # of the running means of sizes over batches
LITTLE = 0.05  # share of the truth; where earlier stages leave less than about this, a later stage has little to learn


class Progress(nn.Module):
    """Running mean sizes of the Cur sets and of the truth over training batches: the input of the curriculum.

    They are buffers, so they are saved with the weights and restored when a killed training resumes. Validation and
    test scans never enter them.
    """

    def __init__(self, stages: Sequence[str]) -> None:
        super().__init__()
        self.stages = tuple(stages)
        for name in ("sizes", "chance", "weights"):
            self.register_buffer(name, torch.zeros(len(stages)))
        for name in ("truth", "empty"):
            self.register_buffer(name, torch.zeros(1))
        self.register_buffer("complexities", torch.ones(len(stages)))

    @torch.no_grad()
    def update(self, logits: Sequence[Tensor], batch: Batch, tolerance: float, hard: bool) -> Tensor:
        """Update the sizes with a training batch, and return the share of each scan's truth inside the sets, (K, B).

        logits: the stages' outputs (B, outputs, ...). Scans without truth increase `empty` and change nothing else.
        """
        truth = truth_of(batch)
        outs = torch.stack([agreement(each.float(), batch, tolerance, hard) for each in logits])
        sets, whole = cur_sets(outs, truth), truth.sum()
        momentum = torch.where(self.truth > 0, MOMENTUM, 0.0)
        found = {
            "sizes": sets.flatten(1).sum(1), "chance": chance_sizes(logits, batch, tolerance, hard), "truth": whole
        }  # fmt: skip
        for name, value in found.items():
            mean = getattr(self, name)
            mean.copy_(torch.where(whole > 0, momentum * mean + (1 - momentum) * value, mean))
        self.empty += (truth.flatten(1).sum(1) == 0).sum() if truth.ndim > 1 else 0
        return by_scan(sets, truth)

    @property
    def learnt(self) -> Tensor:
        """Share of the truth that the stages up to each have learnt beyond chance, (K,): 0 at chance, 1 if all."""
        beyond = (self.sizes - self.chance) / (self.truth - self.chance).clamp_min(1e-6)
        return beyond.clamp(0, 1).cummax(0).values

    def complexity(self, reading: str) -> Tensor:
        """The complexity of each stage, (K,), in [0, 1].

        union: 1 - |Cur_k| / |GT|, the sets as they are. It falls from stage to stage whatever they learn, also at
        chance. corrected: the same beyond chance, 1 - learnt_k; it is 1 for all at chance, and still never rises from
        stage to stage. conditional: 1 - (learnt_k - learnt_{k-1}) / (1 - learnt_{k-1}), one minus the share of what
        the earlier stages leave that stage k learns; where they leave next to nothing it is near 1.
        """
        if reading == "union":
            return 1 - self.sizes / self.truth.clamp_min(1e-12)
        learnt = self.learnt
        if reading == "corrected":
            return 1 - learnt
        before = torch.cat([learnt.new_zeros(1), learnt[:-1]])
        left = torch.maximum(1 - before, 1 - before.new_full((1,), 1 - LITTLE))
        return 1 - (learnt - before) / left

    @torch.no_grad()
    def weigh(
        self, schedule: str, progress: float, ramp: float = 0.3, temperature: float = 0.5, reading: str = "conditional"
    ) -> Tensor:
        """Set and return `weights`: the weight of each stage's loss at `progress` of the training, (K,), sum 1.

        none: equal. ramp: c^k for stage k = 0, 1, ..., where c rises linearly from 0 to 1 over the first `ramp` of the
        training: the first stage alone at first, equal weights at the end. cur: softmax(-complexity / temperature):
        simple stages have larger weights; with a negative temperature, complex ones.
        """
        self.complexities.copy_(self.complexity(reading))
        if schedule == "ramp":
            share = min(1.0, progress / ramp) if ramp > 0 else 1.0
            weights = torch.tensor([share**k for k in range(len(self.stages))]).to(self.weights)
        elif schedule == "cur":
            weights = torch.softmax(-self.complexities / temperature, 0)
        else:
            weights = torch.ones_like(self.weights)
        self.weights.copy_(weights / weights.sum())
        return self.weights

    @torch.no_grad()
    def weigh_scans(self, shares: Tensor) -> Tensor:
        """Set `weights` and return the weight of each stage's loss for each scan, (K, B).

        shares: of each scan's truth inside the sets, (K, B). The weight of stage k is 1/K of the share of the scan that
        the stages before it have not learnt beyond chance, so the first stage always has 1/K, and at chance all have.
        """
        chance = (self.chance / self.truth.clamp_min(1e-12)).clamp_max(1 - 1e-6)[:, None]
        learnt = ((shares - chance) / (1 - chance)).clamp(0, 1).cummax(0).values
        weights = (1 - torch.cat([torch.zeros_like(learnt[:1]), learnt[:-1]])) / len(self.stages)
        self.complexities.copy_(self.complexity("conditional"))
        self.weights.copy_(weights.mean(1))
        return weights

    def metrics(self) -> dict[str, float]:
        """Logged metrics of each stage: share of its Cur set, share learnt beyond chance, complexity, weight."""
        rows = {
            "cur": 1 - self.complexity("union"),
            "learnt": self.learnt,
            "complexity": self.complexities,
            "weight": self.weights,
        }
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
