"""Are augmented networks calibrated on scans as they are tested? A row of CSV for each trained network.

Run as `python tests/performance/augmentation_calibration.py DATA FOLDS AUGMENTS STEPS [CHANNELS]`, for instance
`ad_oasis 0,1,2 none,affine 200`, on prepared data; `phantom_ad:effect=3,subjects=80` sets parameters, and channels of
`32,64,128,64` leave three halvings instead of four. An SFCN on voxels of 12 mm, 8 scans a step, one thread. *train*:
training scans as they would be tested, unaugmented; *augmented*: the same scans as the network learns from them. A
*slope* below 1: differences of age are predicted too small.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench import registry
from bench.core import Recipe, Trial
from bench.data.loader import Part
from bench.data.prepare import open_prepared
from bench.evaluation.metrics import evaluate
from bench.training import inference, loop
from bench.training.device import enable_determinism
from bench.training.training_setup import TrainingSetup, autocast
from bench.training.trial_data import load_trial_data, training_setup

CPU = torch.device("cpu")
SCORES = ("log_loss", "auc", "sensitivity", "specificity", "mae")
BATCH = 16
AGES = {"loss": "l1", "channels": (32, 64, 128, 64)}  # three halvings: a fourth leaves a single position
AFTER = 10**6  # a step that no training reaches: what augmentation draws there, no network has seen


def trained(chosen: str, fold: int, augment: str, steps: int, channels: tuple[int, ...] = ()) -> dict[str, Any]:
    """Train one network and score it on unaugmented training scans and on test scans."""
    name, _, words = chosen.partition(":")
    params = dict(word.split("=") for word in words.split(",") if word)
    prepared = open_prepared(name, params)
    own = (AGES if prepared.task.kind == "regression" else {}) | ({"channels": channels} if channels else {})
    spec = registry.spec("methods", "sfcn", {"view": {"kind": "volume", "mm": 12.0}, "augment": augment, **own})
    data = replace(registry.spec("datasets", name, params), fingerprint=prepared.fingerprint)
    trial = Trial(data, spec, fold=fold, recipe=Recipe(steps=steps, batch_size=8, threads=1))
    enable_determinism(1)
    loaded = load_trial_data(trial, registry.make("methods", spec.name, spec.params), CPU)
    with tempfile.TemporaryDirectory() as folder:
        setup = training_setup(trial, loaded, Path(folder))
        fit = loop.fit(setup, loaded.shape)
        fit.load(fit.selected)
    row = {"data": name, "fold": fold, "augment": augment, "steps": steps}
    row["augment_share"] = round(fit.seconds.get("augment", 0.0) / sum(fit.seconds.values()), 2)
    for where, raw, y in _outputs(fit, setup, loaded.test()):
        row |= {f"{where}_{key}": value for key, value in _scores(fit, setup, raw, y)}
    return row


def _outputs(fit: loop.Fit, setup: TrainingSetup, test: Part) -> Iterator[tuple[str, torch.Tensor, np.ndarray]]:
    """Outputs and targets of training scans, of test scans, and of training scans as the network learns from them."""
    for where, part in (("train", setup.train), ("test", test)):
        yield where, inference.logits(fit.model, part, BATCH, autocast(setup.recipe, CPU)), part.y
    with torch.inference_mode():
        yield "augmented", torch.cat([fit.model(x).float() for x in _learnt_scans(setup)]), setup.train.y


def _learnt_scans(setup: TrainingSetup) -> Iterator[torch.Tensor]:
    """Each training scan once, in order, as augmentation changes it."""
    for positions in np.array_split(np.arange(len(setup.train)), -(-len(setup.train) // BATCH)):
        x, y = setup.train.take(positions)
        yield x if setup.augmenter is None else setup.augmenter(positions, x, y, AFTER)[0]


def _scores(fit: loop.Fit, setup: TrainingSetup, raw: torch.Tensor, y: np.ndarray) -> Iterator[tuple[str, float]]:
    found = inference.predictions(raw, setup.task, fit.scale)
    scores = evaluate(setup.task, y, found, None)
    yield from ((name, round(float(scores[name]), 3)) for name in SCORES if name in scores)
    if setup.task.kind == "regression":
        yield "bias", round(float((found - y).mean()), 3)
        yield "slope", round(float(np.polyfit(y, found, 1)[0]), 3)
    else:
        yield "mean_probability", round(float(found[:, 1].mean()), 3)


def main(data: str, folds: str, augments: str, steps: str, channels: str = "") -> None:
    """Print the rows."""
    writer = None
    for augment in augments.split(","):
        for fold in folds.split(","):
            row = trained(data, int(fold), augment, int(steps), tuple(int(n) for n in channels.split(",") if n))
            if writer is None:
                writer = csv.DictWriter(sys.stdout, list(row))
                writer.writeheader()
            writer.writerow(row)
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
