"""Are augmented networks calibrated on scans as they are tested? A row of CSV for each trained network.

Run as `python tests/performance/augmentation_calibration.py DATA FOLDS AUGMENTS STEPS`, for instance `ad_oasis 0,1,2
none,affine 200`, on prepared data; `phantom_ad:effect=3,subjects=80` sets parameters. An SFCN on voxels of 12 mm, 8
scans a step, one thread. Training scans are read as they would be tested: unaugmented.
"""

from __future__ import annotations

import csv
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

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


def trained(chosen: str, fold: int, augment: str, steps: int) -> dict[str, Any]:
    """Train one network and score it on unaugmented training scans and on test scans."""
    name, _, words = chosen.partition(":")
    params = dict(word.split("=") for word in words.split(",") if word)
    prepared = open_prepared(name, params)
    loss = {"loss": "l1"} if prepared.task.kind == "regression" else {}
    spec = registry.spec("methods", "sfcn", {"view": {"kind": "volume", "mm": 12.0}, "augment": augment, **loss})
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
    for where, part in (("train", setup.train), ("test", loaded.test())):
        row |= {f"{where}_{key}": value for key, value in _scores(fit, setup, part)}
    return row


def _scores(fit: loop.Fit, setup: TrainingSetup, part: Part) -> Iterator[tuple[str, float]]:
    raw = inference.logits(fit.model, part, 16, autocast(setup.recipe, CPU))
    found = inference.predictions(raw, setup.task, fit.scale)
    scores = evaluate(setup.task, part.y, found, None)
    yield from ((name, round(float(scores[name]), 3)) for name in SCORES if name in scores)
    if setup.task.kind == "regression":
        yield "bias", round(float((found - part.y).mean()), 3)
    else:
        yield "mean_probability", round(float(found[:, 1].mean()), 3)


def main(data: str, folds: str, augments: str, steps: str) -> None:
    """Print the rows."""
    writer = None
    for augment in augments.split(","):
        for fold in folds.split(","):
            row = trained(data, int(fold), augment, int(steps))
            if writer is None:
                writer = csv.DictWriter(sys.stdout, list(row))
                writer.writeheader()
            writer.writerow(row)
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
