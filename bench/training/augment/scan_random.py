"""Random numbers of augmentation: each scan has its own at every step, whatever else is in the batch.

They come from Philox, a generator that counts: seed, transform, step and position of the scan are its key and counter.
Nothing is carried from step to step, so a resumed training draws what it would have drawn. They are drawn on the
processor, so every device gets the same.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping

import numpy as np
import torch

Strength = Mapping[str, tuple[float, float]]


class ScanRandom:
    """The random numbers of a training run.

    seed: of this trial's augmentation. scans: of the training part.
    """

    def __init__(self, seed: int, scans: int) -> None:
        self._seed, self._scans = seed, scans
        self._tape = torch.empty(0)

    def chosen(self, label: str, probability: float, step: int, positions: np.ndarray) -> np.ndarray:
        """Whether a transform changes the scans at `positions`, (B,) bool."""
        return self._generator(label, step, 0, 1).random(self._scans)[positions] < probability

    def of_scan(self, label: str, step: int, position: int) -> np.random.Generator:
        """The generator of one transform of one scan at one step."""
        return self._generator(label, step, position, 0)

    def white_noise(self, shape: torch.Size, rng: np.random.Generator, device: torch.device) -> torch.Tensor:
        """Standard normal numbers of `shape`, on the device.

        They are a stretch, from a random place on and of random sign, of a tape of twice that length that is drawn once
        and stays on the device. The noise of two scans can overlap, shifted by a random number of voxels.
        """
        size = math.prod(shape)
        if len(self._tape) < 2 * size or self._tape.device != device:
            drawn = self._generator("noise tape", 0, 0, 2).standard_normal(2 * size, np.float32)
            self._tape = torch.from_numpy(drawn).to(device)
        start, sign = int(rng.integers(len(self._tape) - size + 1)), float(rng.choice([-1.0, 1.0]))
        return self._tape[start : start + size].reshape(shape) * sign

    def _generator(self, label: str, step: int, position: int, purpose: int) -> np.random.Generator:
        key = np.array([self._seed, zlib.crc32(label.encode())], np.uint64)
        counter = np.array([0, purpose, step, position], np.uint64)
        return np.random.Generator(np.random.Philox(key=key, counter=counter))


def between(rng: np.random.Generator, strength: Strength, name: str, size: int | None = None) -> float | np.ndarray:
    """Uniform between the two bounds of a quantity; a number, or `size` of them."""
    return rng.uniform(*strength[name], size)


def factor_between(rng: np.random.Generator, strength: Strength, name: str) -> float:
    """A factor between two bounds, uniform in its logarithm: half of 2 is as likely as twice 2."""
    low, high = strength[name]
    return math.exp(rng.uniform(math.log(low), math.log(high)))
