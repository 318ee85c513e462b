"""Whether steps taken as a graph give what they give in the usual way, to rounding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.training.capture.graph_interface import CaptureError
from bench.training.training_setup import TrainingSetup, precision

TIMES = 10.0  # a graph may differ by this many times what two runs in the usual way do
LITTLE = 1e-6  # and by this share in any case
NOISE = {"fp32": 1e-3, "bf16": 5e-2}  # more between two runs of the same steps is not rounding


@dataclass(frozen=True)
class StepOutput:
    """The losses of a step, (B,), and the terms of its loss by name."""

    losses: Tensor
    terms: Mapping[str, Tensor]

    @classmethod
    def copy_of(cls, losses: Tensor, terms: Mapping[str, Tensor]) -> StepOutput:
        """Copies, which the next step does not change."""
        return cls(losses.clone(), {name: each.detach().clone() for name, each in terms.items()})

    def difference(self, other: StepOutput) -> float:
        """The largest difference, as a share of the largest value of each; infinite if names or shapes differ."""
        mine, others = ({"": each.losses, **each.terms} for each in (self, other))
        if {name: each.shape for name, each in mine.items()} != {name: each.shape for name, each in others.items()}:
            return float("inf")
        shares = [_share(each, others[name]) for name, each in mine.items()]
        return float(torch.stack(shares).max())


def _share(one: Tensor, other: Tensor) -> Tensor:
    one, other = one.double(), other.double()
    if not one.numel():
        return one.new_zeros(())
    gap = torch.where((one == other) | (one.isnan() & other.isnan()), 0.0, (one - other).abs())
    return (gap / one.abs().max().clamp_min(1e-12)).nan_to_num(float("inf")).max()


def compare(
    usual: Sequence[StepOutput],
    again: Sequence[StepOutput],
    replayed: Sequence[StepOutput],
    states: tuple[float, float],
    setup: TrainingSetup,
) -> None:
    """CaptureError if replayed steps differ from the same steps in the usual way by more than rounding.

    again: the steps in the usual way once more. states: the differences of the weights and of all else that steps
    change, of the second and of the third run from the first.
    """
    noise = max(one.difference(two) for one, two in zip(usual, again, strict=True))
    if noise > NOISE[precision(setup.recipe, setup.device)]:
        raise CaptureError(
            f"the same {len(usual)} steps taken twice without a graph have losses that differ by {noise:.1e} of their "
            "size: the loss depends on something that is in no parameter and no buffer"
        )
    gap = max(one.difference(two) for one, two in zip(usual, replayed, strict=True))
    if gap > TIMES * noise + LITTLE:
        raise CaptureError(
            f"the losses of {len(usual)} steps taken as a graph differ by {gap:.1e} of their size, and by {noise:.1e} "
            "between two runs without one: the step depends on a Python number that changes"
        )
    if states[1] > TIMES * states[0] + LITTLE:
        raise CaptureError(
            f"the weights after {len(usual)} steps taken as a graph differ by {states[1]:.1e} of their size, and by "
            f"{states[0]:.1e} between two runs without one"
        )
