"""One optimiser step: forward, loss, backward, clipping, update, average of the weights."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from bench.method import Batch
from bench.training import curriculum_hooks, optim
from bench.training.checkpoint import TrainingState
from bench.training.training_setup import TrainingSetup, autocast


def train_step(
    setup: TrainingSetup,
    training: TrainingState,
    batch: Batch,
    lap: Callable[[str], None] = lambda stage: None,
) -> Tensor:
    """Take one optimiser step with the rates that are set; returns the losses of the batch, (B,), detached.

    lap: called with the name of each stage that is over. Nothing in here waits for the device.
    """
    with autocast(setup.recipe, setup.device), curriculum_hooks.stage_hooks(training.model, batch.stage) as answers:
        losses = setup.method.step(training.model, batch).float()
        weighted = losses if batch.stage.voxels is None else losses + curriculum_hooks.voxel_term(answers, batch)
    loss = curriculum_hooks.loss_of(weighted, batch.stage, batch.index)
    lap("forward")
    training.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    lap("backward")
    optim.clip_gradients(training.optimiser.param_groups, setup.method.clip)
    training.optimiser.step()
    training.follow()
    return losses.detach()
