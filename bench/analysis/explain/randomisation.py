"""Whether saliency maps depend on the weights: randomise layers of the network and compare the maps.

Parameter randomisation (Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018): cascading, from the output to
the input, with all layers so far; and independent, one part of the network at a time. A map that does not change shows
the scan and not the network.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

PARTS = 6  # groups of layers of a network

MapFunction = Callable[[nn.Module], Sequence[np.ndarray]]  # a network to the maps of some scans


@dataclass(frozen=True)
class MapSimilarity:
    """Spearman's correlation, mean over scans, of the maps before and after some layers were randomised.

    NaN if all maps are constant.
    """

    layer: str  # the first layer of the part, from the output
    cascading: float  # this part and all parts above it are randomised
    independent: float  # this part alone is randomised


def randomise_layers(model: nn.Module, untrained: nn.Module, maps_of: MapFunction) -> list[MapSimilarity]:
    """The similarity of maps for every part of a network, from the output to the input; `model` does not change.

    untrained: the same network with untrained weights; layers, running means included, are replaced by its layers.
    maps_of: returns the maps of a network, for the same scans at every call.
    """
    before, cascade, similarities = maps_of(model), copy.deepcopy(model), []
    for names in layer_groups(model):
        alone = copy.deepcopy(model)
        for target in (cascade, alone):
            _copy_weights(untrained, target, names)
        pair = (_similarity(before, maps_of(each.eval())) for each in (cascade, alone))
        similarities.append(MapSimilarity(names[0], *pair))
    return similarities


def layer_groups(model: nn.Module, most: int = PARTS) -> list[list[str]]:
    """The names of the layers that have weights, from the output, in at most `most` groups of about equal size."""
    names = [name for name, module in model.named_modules() if next(module.parameters(recurse=False), None) is not None]
    chunks = np.array_split(np.array(names[::-1], dtype=object), min(most, len(names)) or 1)
    return [list(chunk) for chunk in chunks if len(chunk)]


def _copy_weights(source: nn.Module, target: nn.Module, names: Sequence[str]) -> None:
    """Copy the weights and buffers of the named layers from one network to another of the same kind."""
    sources, targets = dict(source.named_modules()), dict(target.named_modules())
    for name in names:
        for old, new in zip(_tensors(targets[name]), _tensors(sources[name]), strict=True):
            old.data.copy_(new.data)


def _tensors(module: nn.Module) -> Iterator:
    yield from module.parameters(recurse=False)
    yield from module.buffers(recurse=False)


def _similarity(before: Sequence[np.ndarray], after: Sequence[np.ndarray]) -> float:
    from scipy.stats import rankdata

    correlations = []
    for one, other in zip(before, after, strict=True):
        ranks = rankdata(one.ravel()), rankdata(other.ravel())
        if all(each.std() > 0 for each in ranks):
            correlations.append(float(np.corrcoef(*ranks)[0, 1]))
    return float(np.mean(correlations)) if correlations else float("nan")
