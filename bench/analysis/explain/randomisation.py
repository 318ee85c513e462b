"""Whether maps depend on what was learnt: the network's layers drawn anew, and how alike the maps remain.

Parameter randomisation (Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018): cascading, from the answer down
to the scan, all layers so far together; and independent, one part of the network at a time. A saliency that stays as it
is shows the scan, and not the network.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

PARTS = 6  # that a network's layers are taken in

Mapped = Callable[[nn.Module], Sequence[np.ndarray]]  # a network to the maps of some scans


@dataclass(frozen=True)
class Alike:
    """How alike maps are once some layers are drawn anew: Spearman's correlation with those before, mean over scans."""

    layer: str  # the part's first layer from the answer down
    cascading: float  # this part and all parts above it drawn anew
    independent: float  # this part alone


def alike(model: nn.Module, fresh: nn.Module, mapped: Mapped) -> list[Alike]:
    """A row for every part of a network, from the answer down to the scan. fresh: the same network, untrained.

    NaN where a map is constant. Running means of batches are drawn anew with their layers: they are as untrained.
    """
    before, cascade, found = mapped(model), copy.deepcopy(model), []
    for names in parts(model):
        alone = copy.deepcopy(model)
        for target in (cascade, alone):
            _draw(target, fresh, names)
        found.append(Alike(names[0], *(_likeness(before, mapped(each.eval())) for each in (cascade, alone))))
    return found


def parts(model: nn.Module, most: int = PARTS) -> list[list[str]]:
    """The layers with weights of their own, from the answer down, in at most so many parts of about equal number."""
    names = [name for name, module in model.named_modules() if next(module.parameters(recurse=False), None) is not None]
    chunks = np.array_split(np.array(names[::-1], dtype=object), min(most, len(names)) or 1)
    return [list(chunk) for chunk in chunks if len(chunk)]


def _draw(model: nn.Module, fresh: nn.Module, names: Sequence[str]) -> None:
    """Give layers of a network the weights and buffers that they have in another."""
    theirs = dict(fresh.named_modules())
    ours = dict(model.named_modules())
    for name in names:
        for mine, other in zip(_tensors(ours[name]), _tensors(theirs[name]), strict=True):
            mine.data.copy_(other.data)


def _tensors(module: nn.Module) -> Iterator:
    yield from module.parameters(recurse=False)
    yield from module.buffers(recurse=False)


def _likeness(before: Sequence[np.ndarray], after: Sequence[np.ndarray]) -> float:
    from scipy.stats import rankdata

    found = []
    for one, other in zip(before, after, strict=True):
        ranks = rankdata(one.ravel()), rankdata(other.ravel())
        if all(each.std() > 0 for each in ranks):
            found.append(float(np.corrcoef(*ranks)[0, 1]))
    return float(np.mean(found)) if found else float("nan")
