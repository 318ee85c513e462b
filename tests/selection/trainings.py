"""Trainings by which rules of choosing an evaluation point are compared: scores of every point, averages and refits.

`python -m tests.selection.trainings FILE` appends a line of JSON for each training; lines that are there are kept. Real
sets must be prepared in `$BENCH_DATA`; phantoms are made.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from bench import registry
from bench.core import Recipe, Split, Trial
from bench.curriculum import Curriculum, Signals, Stage
from bench.data.loader import Part
from bench.data.prepare import prepare
from bench.evaluation.metrics import metric
from bench.training import inference, loop
from bench.training.training_setup import TrainingSetup, autocast
from bench.training.trial_data import TrialData, load_trial_data, training_setup
from tests.selection import rules

FOLDS, REPEATS = 5, 2  # each repeat is another partition
COARSE = {"view": {"kind": "volume", "mm": 12.0}, "channels": (16, 32, 64, 32)}


@dataclass(frozen=True)
class Cyclic(Curriculum):
    """Learning rates that rise and fall `waves` times, so that the quality of points varies; never the plain rate."""

    waves: int = 10
    swing: float = 3.0

    def at(self, progress: float, signals: Signals) -> Stage:
        return Stage(lr_scale=float(self.swing * abs(np.sin(np.pi * self.waves * progress)) ** 2 + 0.05))


@dataclass(frozen=True)
class Late(Curriculum):
    """A tenth of the training scans for nine tenths of the steps, then all of them."""

    def at(self, progress: float, signals: Signals) -> Stage:
        few = np.arange(max(8, len(signals.seen) // 10))
        return Stage(subset=few if progress < 0.9 else None)


@dataclass(frozen=True)
class Kind:
    """An arm on a data set."""

    label: str
    data: str
    method: str = "sfcn"
    params: dict[str, Any] = field(default_factory=lambda: dict(COARSE))
    data_params: dict[str, Any] = field(default_factory=dict)
    curriculum: Curriculum | None = None
    repeats: int = REPEATS
    refits: int = 1  # repeats that are also trained on the training and the validation part


MANY = {"subjects": 120}
FITTED = {**COARSE, "dropout": 0.0, "lr": 0.003}
ARMS = (
    Kind("dementia, over-fitted volumes", "ad_oasis", params=FITTED, repeats=6, refits=0),
    Kind("dementia, volumes", "ad_oasis", repeats=4),
    Kind("phantom of dementia, weak", "phantom_ad", data_params={**MANY, "effect": 0.4}, repeats=3),
    Kind("age, volumes", "age_oasis", params={**COARSE, "channels": (16, 32, 32)}, repeats=1),
    Kind("phantom of dementia", "phantom_ad", data_params=MANY, repeats=1),
    Kind("phantom of ageing", "phantom_age", data_params=MANY, repeats=1, refits=0),
    Kind("dementia, cyclic rates", "ad_oasis", curriculum=Cyclic(), refits=0),
    Kind("dementia, few scans until late", "ad_oasis", curriculum=Late(), repeats=1, refits=0),
    Kind("dementia, images", "ad_oasis", "timm2d", {"network": "test_resnet", "view": "mean"}, refits=0),
    Kind("phantom of order", "phantom_order", "timm2d", {"network": "resnet10t"}, {**MANY, "effect": 0.5}, refits=0),
)


def main(file: Path, wanted: Sequence[str] = ()) -> None:
    """Append a line for every training of the arms that is not in the file yet, repeat by repeat."""
    lines = file.read_text().splitlines() if file.exists() else []
    done = {(row["arm"], row["partition"], row["fold"]) for row in map(json.loads, lines)}
    torch.set_num_threads(1)
    for repeat in range(max(arm.repeats for arm in ARMS)):
        for arm in ARMS:
            for number in range(FOLDS):
                if (wanted and arm.label not in wanted) or repeat >= arm.repeats:
                    continue
                if (arm.label, repeat, number) not in done:
                    with file.open("a") as out:
                        out.write(json.dumps(_trained(arm, repeat, number)) + "\n")


def _trained(arm: Kind, partition: int, fold: int) -> dict[str, Any]:
    prepared = prepare(arm.data, arm.data_params)
    trial = Trial(
        prepared.spec, registry.spec("methods", arm.method, arm.params), Split(folds=FOLDS), partition=partition,
        fold=fold, recipe=Recipe(steps=200, batch_size=8, points=20),
    )  # fmt: skip
    method = registry.make("methods", arm.method, arm.params)
    data = load_trial_data(trial, method, torch.device("cpu"))
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        setup = training_setup(trial, data, Path(one))
        setup = replace(setup, curriculum=arm.curriculum or setup.curriculum)
        fit = loop.fit(setup, data.shape)
        sides = {"val": setup.val, "test": data.test()}
        row = {side: [_score(fit.load(at), part, setup, fit) for at in range(20)] for side, part in sides.items()}
        row |= {"val_loss": [point.val_loss for point in fit.points]}
        row["averages"] = {name: [_score(_mean(fit, points, setup), part, setup, fit) for part in sides.values()]
                           for name, points in _windows(row, setup.task.primary).items()}  # fmt: skip
        if partition < arm.refits:
            again = loop.fit(_refit(setup, data, Path(two)), data.shape)
            row["refit"] = [_score(again.load(at), sides["test"], setup, again) for at in range(20)]
    higher = metric(setup.task.primary).better == "higher"
    return {"arm": arm.label, "partition": partition, "fold": fold, "higher": higher, **row}


def _score(model: nn.Module, part: Part, setup: TrainingSetup, fit: loop.Fit) -> float:
    raw = inference.logits(model, part, 64, autocast(setup.recipe, setup.device))
    return float(metric(setup.task.primary)(part.y, inference.predictions(raw, setup.task, fit.scale)))


def _windows(row: dict[str, Any], primary: str) -> dict[str, range]:
    """The points whose weights are averaged, by the name of the average."""
    scores = np.array(row["val"]) * (1 if metric(primary).better == "higher" else -1)
    found = {"mean of the last 5": range(15, 20)}
    for width in (3, 5):
        middle, half = rules.best(scores, np.array(row["val_loss"]), width=width), width // 2
        found[f"mean of {width} about the smoothed choice"] = range(max(0, middle - half), min(20, middle + half + 1))
    return found


def _mean(fit: loop.Fit, points: range, setup: TrainingSetup) -> nn.Module:
    """The network with the mean weights of some points; batch statistics come from a pass over the training part."""
    states = [load_file(fit.points[at].state) for at in points]
    model = fit.load(points[-1])
    mean = {
        name: torch.stack([state[name].double() for state in states]).mean(0).to(value.dtype)
        for name, value in states[0].items()
        if value.is_floating_point()
    }
    model.load_state_dict(mean, strict=False)
    model.eval()
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    before = [module.momentum for module in norms]
    for module in norms:
        module.reset_running_stats()
        module.momentum = None  # the mean over all batches
        module.train()
    with torch.no_grad():
        for _, x, _ in setup.train.batches(setup.recipe.batch_size):
            model(x)
    for module, momentum in zip(norms, before, strict=True):
        module.momentum = momentum
    return model.eval()


def _refit(setup: TrainingSetup, data: TrialData, folder: Path) -> TrainingSetup:
    """The same training on the training and the validation part."""
    return replace(setup, train=data.part(np.sort(np.concatenate([data.fold.train, data.fold.val]))), workplace=folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
