"""Whether the answers of a trained network depend on the order or the company of the test scans."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.training.training_setup import TrainingSetup, autocast

if TYPE_CHECKING:
    import torch
    from torch import nn

    from bench.data.loader import Part
    from bench.training.loop import Fit


def order_note(fit: Fit, setup: TrainingSetup, test: Part) -> dict[str, bool]:
    """That predictions depend on the order of the test scans, for the record of a trial.

    Parameters
    ----------
    fit : Fit
        The trained network.
    setup : TrainingSetup
        Its task and recipe.
    test : Part
        The test scans.

    Returns
    -------
    dict of str to bool
        Empty if they do not, and for masks, which would take long.
    """
    if setup.task.per_voxel:
        return {}
    mixed = autocast(setup.recipe, setup.device)
    depends = depends_on_order(fit.load(fit.selected), test, 2 * setup.recipe.batch_size, mixed)
    return {"order_matters": True} if depends else {}


def depends_on_order(model: nn.Module, part: Part, batch_size: int, autocast: torch.autocast) -> bool:
    """Whether the network answers the first scans of a part differently in another order and in other company.

    A difference of a twentieth of the largest output counts: rounding makes smaller ones.
    """
    import torch

    count = min(len(part), batch_size)
    places = np.arange(count)
    model.eval()
    with torch.inference_mode(), autocast:
        together = model(part.take(places)[0]).float()
        halves = [half for half in np.array_split(places[::-1].copy(), 2) if len(half)]
        apart = torch.cat([model(part.take(half)[0]).float() for half in halves]).flip(0)
    finite = torch.isfinite(together), torch.isfinite(apart)
    if not torch.equal(*finite):
        return True
    largest = together[finite[0]].abs().max() if finite[0].any() else torch.zeros(())
    return bool(((together - apart)[finite[0]].abs() > 0.05 * largest + 1e-6).any())
