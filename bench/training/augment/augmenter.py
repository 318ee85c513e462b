"""Augment the batches of a training: on the prepared scan, before the view.

What a transform does to a scan is not what it would do to a view of it: a dynamic image of a turned head is not a
turned dynamic image, and noise that a coarse grid averages is not noise on that grid. So a changed scan is read as it
was prepared, changed, and only then viewed and normalised, on the device. Scans that draw no change are taken from the
stored views, bit for bit what would be tested. One change commutes with many views and is made after them: a flip
along the left-right axis that the view kept (`View.left_right`). Mixup acts on what the network reads, by definition.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from bench.data.loader import Normaliser, Part
from bench.method import Mixture
from bench.method.augmentation_policies import Transform
from bench.training.augment import (
    affine,
    bias_field,
    blur,
    contrast,
    crop,
    elastic,
    flip,
    gamma,
    low_resolution,
    mixup,
    noise,
    shift,
)
from bench.training.augment.changed_scan import ChangedScan
from bench.training.augment.scan_random import ScanRandom, Strength
from bench.views import View

APPLY: dict[str, Callable[[ChangedScan, Strength, np.random.Generator], None]] = {
    "flip": flip.apply,
    "shift": shift.apply,
    "affine": affine.apply,
    "crop": crop.apply,
    "elastic": elastic.apply,
    "bias_field": bias_field.apply,
    "noise": noise.apply,
    "blur": blur.apply,
    "contrast": contrast.apply,
    "low_resolution": low_resolution.apply,
    "gamma": gamma.apply,
}


@dataclass(frozen=True)
class ScanSource:
    """Where changed scans come from, and how they become what the network reads.

    load: the training part as it was prepared, (C, D, H, W) or (C, H, W) each, in float32 and not normalised; called
    once, when a scan is changed for the first time. masks: whether the targets are masks on the grid of the scans.
    """

    load: Callable[[], Part]
    view: View
    spacing: tuple[float, ...]
    normaliser: Normaliser
    masks: bool = False

    @cached_property
    def prepared(self) -> Part:
        return self.load()


class Augmenter:
    """Draws and applies the transforms of a training. All random numbers are those of `ScanRandom`."""

    def __init__(self, transforms: Sequence[Transform], source: ScanSource, train: Part, seed: int) -> None:
        """train: the training part after the view, normalised. seed: of this trial's augmentation."""
        self._source, self._train = source, train
        self._before = [each for each in transforms if each.kind != "mixup"]
        self._mixup = next((each for each in transforms if each.kind == "mixup"), None)
        self._random = ScanRandom(seed, len(train))

    def __call__(self, positions: np.ndarray, x: Tensor, y: Tensor, step: int) -> tuple[Tensor, Tensor, Mixture | None]:
        """Augment a batch.

        positions: of the scans in the training part, (B,). x: the scans after the view, normalised. y: their targets.
        Returns scans and targets, and for mixed classes the second class of each scan.
        """
        drawn = self._drawn(positions, step)
        if any(drawn):
            x, y = x.clone(), y.clone()
        for at, transforms in enumerate(drawn):
            if transforms:
                x[at], changed = self._changed(x[at], y[at], int(positions[at]), transforms, step)
                if changed is not None:
                    y[at] = changed
        return self._mix(positions, x, y, step) if self._mixup else (x, y, None)

    def _drawn(self, positions: np.ndarray, step: int) -> list[list[Transform]]:
        """The transforms that change each scan, in order."""
        chosen = [self._random.chosen(each.label, each.probability, step, positions) for each in self._before]
        return [
            [each for each, coins in zip(self._before, chosen, strict=True) if coins[at]]
            for at in range(len(positions))
        ]

    def _changed(
        self, viewed: Tensor, y: Tensor, position: int, transforms: list[Transform], step: int
    ) -> tuple[Tensor, Tensor | None]:
        """A scan after its transforms, the view and the normalisation, and its mask."""
        source, axis = self._source, self._source.view.left_right()
        if [each.kind for each in transforms] == ["flip"] and axis is not None and not source.masks:
            return viewed.flip(1 + axis), None
        raw = source.prepared.take(np.array([position]))[0][0]
        scan = ChangedScan(raw, y if source.masks else None, source.spacing, self._random)
        change(scan, [(each, self._random.of_scan(each.label, step, position)) for each in transforms])
        return source.normaliser(source.view(scan.x[None], source.spacing))[0], scan.mask

    def _mix(self, positions: np.ndarray, x: Tensor, y: Tensor, step: int) -> tuple[Tensor, Tensor, Mixture | None]:
        one, scans = self._mixup, len(self._train)
        chosen = self._random.chosen(one.label, one.probability, step, positions)
        if not chosen.any():
            return x, y, None
        partners = mixup.draw_partners(self._random, one.label, one.strength, step, positions, chosen, scans)
        other_x, other_y = self._train.take(partners.positions)
        shares = torch.from_numpy(partners.shares).float().to(x.device, non_blocking=True)
        return mixup.mixed_scans(x, other_x, shares), *mixup.mixed_labels(y, other_y, shares)


def change(scan: ChangedScan, transforms: Sequence[tuple[Transform, np.random.Generator]]) -> None:
    """Apply transforms with their generators to a scan: first those that move its voxels, interpolated once."""
    for moving in (True, False):
        for each, rng in transforms:
            if each.moves is moving:
                APPLY[each.kind](scan, each.strength, rng)
        scan.resample()
