"""Components that a network finds in one view of a scan and that its mask lacks, added to the mask of another view."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from bench.data.missing_components import Component, components

TRIES = 10  # places that are drawn for a component of the control; the one with the most unlabelled voxels is taken
Chooser = Callable[[np.ndarray, np.ndarray, np.ndarray], list[Component]]


def jittered(x: Tensor, strength: float, share: float) -> Tensor:
    """Scans (B, C, ...) whose contrast and brightness are changed at random, each with the probability `share`.

    The contrast is multiplied by 1 - strength to 1 + strength; the brightness moves by at most `strength` deviations.
    """
    axes = tuple(range(1, x.ndim))
    drawn = torch.rand(3, len(x), *[1] * (x.ndim - 1)).to(x)  # drawn on the CPU: the same on every device
    centre, spread = x.mean(axes, keepdim=True), x.std(axes, keepdim=True)
    contrast, brightness = 1 + strength * (2 * drawn[0] - 1), strength * (2 * drawn[1] - 1) * spread
    changed = (x - centre) * contrast + centre + brightness
    return torch.where(drawn[2] < share, changed, x)


@torch.no_grad()
def guesses(model: nn.Module, x: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest class of each voxel, (B, ...) uint8, and its probability, (B, ...), of the network in eval mode."""
    was = model.training
    model.eval()
    try:
        sure, label = model(x).float().softmax(1).max(1)
    finally:
        model.train(was)
    return label.to(torch.uint8).cpu().numpy(), sure.cpu().numpy()


def unlabelled_components(
    mask: np.ndarray, label: np.ndarray, sure: np.ndarray, threshold: float, overlap: float, smallest: int
) -> list[Component]:
    """Components of a guess (label, sure) that are likely and that the mask lacks.

    Their mean probability is above `threshold`; at most the share `overlap` of their voxels has their class in the mask
    already; and at least `smallest` of their voxels have no class in the mask.
    """
    found = []
    for each in components(label, smallest):
        given = mask[each.box][each.inside]
        likely = sure[each.box][each.inside].mean() > threshold
        if likely and (given == each.label).mean() <= overlap and (given == 0).sum() >= smallest:
            found.append(each)
    return found


def own_generator() -> np.random.Generator:
    """A generator that follows the state of torch's and leaves it as it is.

    The control then draws the same batches and the same jitter as the arm that it is a control of.
    """
    twin = torch.Generator().set_state(torch.get_rng_state())
    return np.random.default_rng(int(torch.randint(2**31, (1,), generator=twin)))


def at_random_places(mask: np.ndarray, some: list[Component], rng: np.random.Generator) -> list[Component]:
    """As many components of the same classes and shapes, each at a random place with few labelled voxels."""
    moved = []
    for each in some:
        best, most = each.box, -1
        for _ in range(TRIES):
            corner = [int(rng.integers(0, size - part + 1))
                      for size, part in zip(mask.shape, each.inside.shape, strict=True)]  # fmt: skip
            box = tuple(slice(start, start + part) for start, part in zip(corner, each.inside.shape, strict=True))
            free = int((mask[box][each.inside] == 0).sum())
            if free > most:
                best, most = box, free
        moved.append(Component(each.label, best, each.inside))
    return moved


def completed(masks: Tensor, guess: tuple[np.ndarray, np.ndarray], choose: Chooser) -> tuple[Tensor, Tensor]:
    """Masks (B, ...) with the components that `choose` finds in a guess, where they had no class; and how many, (B,).

    choose: (mask, label, sure) of a scan to components.
    """
    result, counts = masks.cpu().numpy().copy(), []
    for mask, label, sure in zip(result, *guess, strict=True):
        chosen = choose(mask.copy(), label, sure)
        counts.append(float(len(chosen)))
        for each in chosen:
            part = mask[each.box]
            part[each.inside & (part == 0)] = each.label
    return torch.from_numpy(result).to(masks.device), torch.tensor(counts)
