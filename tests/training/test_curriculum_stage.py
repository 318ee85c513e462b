"""What a curriculum returns is checked before it is applied, and a mistake names the curriculum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from bench.curriculum import Curriculum, Signals, Stage
from bench.training.curriculum_stage import checked_stage

SIGNALS = Signals(torch.zeros(5), layers=3)


@dataclass(frozen=True)
class Given(Curriculum):
    """Calls what it is given."""

    stage: object = None

    def at(self, progress, signals):
        return self.stage()


@pytest.mark.parametrize(("stage", "kind", "message"), [
    (lambda: 3, TypeError, "`at` of the curriculum own returned 3, not a Stage"),
    (lambda: Stage(blurr=1), TypeError, "`at` of the curriculum own: Stage has no field 'blurr'; did you mean 'blur'"),
    (lambda: Stage(weights=[1, 2]), ValueError, r"own returned `weights` of shape \(2,\), not \(5,\): one for each tr"),
    (lambda: Stage(weights=torch.ones(5, 1)), ValueError, r"own returned `weights` of shape \(5, 1\)"),
    (lambda: Stage(layer_lr=(1.0,)), ValueError, r"own returned `layer_lr` of shape \(1,\), not \(3,\)"),
    (lambda: Stage(subset=np.array([], int)), ValueError, "own returned a `subset` that is empty"),
    (lambda: Stage(subset=np.array([0, 5])), ValueError, "not of positions 0 to 4"),
    (lambda: Stage(subset=np.array([-1])), ValueError, "not of positions 0 to 4"),
])  # fmt: skip
def test_a_wrong_stage_names_the_curriculum(stage, kind, message):
    with pytest.raises(kind, match=message):
        checked_stage(Given(stage), "own", 0.0, SIGNALS)


@pytest.mark.parametrize("stage", [
    Stage(),
    Stage(weights=np.ones(5)), Stage(weights=torch.ones(5)), Stage(subset=np.arange(5)), Stage(layer_lr=(1.0,) * 3),
])  # fmt: skip
def test_a_right_stage_is_passed_on(stage):
    assert checked_stage(Given(lambda: stage), "own", 0.0, SIGNALS) is stage
