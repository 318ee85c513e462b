"""What a training gains from a rule by varying quality alone: `python -m tests.selection.abuse`.

The true AUC of 20 points varies about 0.66 with a deviation of `SPREADS`: from point to point (noise), with a period of
four points (wave), or slowly (slow). Validation measures it on 32 people, with errors of which 80 % are the same for
all points. Printed is the mean true AUC of the chosen point minus 0.66. An arm may earn a gain from slow changes, which
over-fitting is; noise and waves can be made at will.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from tests.selection.rules import RULES

POINTS, STUDIES, MEAN, PEOPLE, SHARED = 20, 2000, 0.66, 32, 0.8
SPREADS = (0.02, 0.05, 0.1)


def course(kind: str, rng: np.random.Generator) -> np.ndarray:
    """(20,) with mean 0 and deviation 1 over studies."""
    if kind == "noise":
        return rng.normal(size=POINTS)
    if kind == "wave":
        return np.sqrt(2) * np.sin(np.pi / 2 * np.arange(POINTS) + rng.uniform(0, 2 * np.pi))
    return np.convolve(rng.normal(size=POINTS + 8), np.full(9, 1 / 3), "valid")


def gains(kind: str, spread: float, rng: np.random.Generator) -> Mapping[str, float]:
    """The mean gain under each rule."""
    found: dict[str, list[float]] = {name: [] for name in RULES}
    for _ in range(STUDIES):
        quality = np.clip(MEAN + spread * course(kind, rng), 0.02, 0.98)
        error = np.sqrt(SHARED) * rng.normal() + np.sqrt(1 - SHARED) * rng.normal(size=POINTS)
        seen = quality + np.sqrt(1.3 * quality * (1 - quality) / PEOPLE) * error
        for name, rule in RULES.items():
            found[name].append(quality[rule(seen, -seen)] - MEAN)
    return {name: float(np.mean(each)) for name, each in found.items()}


if __name__ == "__main__":
    draws = np.random.default_rng(0)
    table = {f"{kind} {spread}": gains(kind, spread, draws) for kind in ("noise", "wave", "slow") for spread in SPREADS}
    print(pd.DataFrame(table).round(3).to_string())
