"""How does the score of an arm develop over the steps? A line of JSON for each training, resumable.

Run as `python tests/performance/score_over_steps.py FILE` with the sets prepared in `$BENCH_DATA`; lines that FILE
holds are not trained again. `--only WORD` trains the arms whose label contains the word. Each line has the score of the
validation part and of the test part at each evaluation point; the budget of an arm is to be read from the validation
part. One fold, one seed: a curve says what a budget does to an arm, not which arm is better.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from bench import registry
from bench.core import Recipe, Trial
from bench.data.prepare import open_prepared
from bench.evaluation.metrics import metric
from bench.training import inference, loop
from bench.training.device import enable_determinism
from bench.training.training_setup import autocast
from bench.training.trial_data import load_trial_data, training_setup

CPU = torch.device("cpu")
SMALL = {"view": {"kind": "dynamic", "size": 64}}  # single images are not pooled
BOX = {"view": {"kind": "volume", "mm": 8.0}}
LIGHT = {"augment": "light"}
FLAT: Mapping[str, tuple[str, dict[str, Any]]] = {
    "DCL-SE": ("dclse", SMALL),
    "ResNet-18 (2D)": ("timm2d", SMALL),
    "DCL-SE, light": ("dclse", {**SMALL, **LIGHT}),
    "ResNet-18 (2D), light": ("timm2d", {**SMALL, **LIGHT}),
}
VOLUMES = {
    **FLAT,
    "SFCN (3D)": ("sfcn", BOX),
    "SFCN (3D), light": ("sfcn", {**BOX, **LIGHT}),
    "DCL-SE, whole size": ("dclse", {}),
    "DenseNet-121 (3D)": ("monai3d", BOX),
    "weighted pooling": ("weighted_pooling", {}),
    "Xing 2020": ("xing2020", {}),
}
SETS = {"sex_oasis": (VOLUMES, 500, 8), "bt_mri": (FLAT, 500, 16), "age_oasis": (VOLUMES, 500, 8)}
POINTS = 10


def trained(data: str, method: str, params: Mapping[str, Any], steps: int, batch_size: int) -> dict[str, Any]:
    """Train one network on the first fold and score every evaluation point."""
    prepared = open_prepared(data, {})
    spec = registry.spec("methods", method, dict(params))
    chosen = replace(registry.spec("datasets", data, {}), fingerprint=prepared.fingerprint)
    recipe = Recipe(steps=steps, batch_size=batch_size, points=POINTS, threads=1)
    trial = Trial(chosen, spec, fold=0, recipe=recipe)
    enable_determinism(1)
    loaded = load_trial_data(trial, registry.make("methods", spec.name, spec.params), CPU)
    begun = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        setup = training_setup(trial, loaded, Path(folder))
        fit = loop.fit(setup, loaded.shape)
        seconds = time.process_time() - begun
        test, primary, tested = loaded.test(), metric(setup.task.primary), []
        for number in range(len(fit.points)):
            raw = inference.logits(fit.load(number), test, 16, autocast(setup.recipe, CPU))
            predicted = inference.predictions(raw, setup.task, fit.scale)
            tested.append(float(primary(test.y, predicted, setup.spacing)))
    return {
        "steps": [point.step for point in fit.points],
        "train_loss": [round(point.train_loss, 4) for point in fit.points],
        "val": [round(point.val, 4) for point in fit.points],
        "test": [round(score, 4) for score in tested],
        "selected": fit.points[fit.selected].step,
        "cpu_seconds": round(seconds, 1),
    }


def main(words: Sequence[str] | None = None) -> None:
    """Train what the file does not hold yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--datasets", nargs="*", default=list(SETS), choices=list(SETS))
    asked = parser.parse_args(words)
    lines = asked.file.read_text().splitlines() if asked.file.exists() else []
    done = {(line["data"], line["arm"]) for line in map(json.loads, lines)}
    for data in asked.datasets:
        arms, steps, batch_size = SETS[data]
        for arm, (method, params) in arms.items():
            if asked.only in arm and (data, arm) not in done:
                row = {"data": data, "arm": arm, **trained(data, method, params, steps, batch_size)}
                with asked.file.open("a") as out:
                    print(json.dumps(row), file=out)


if __name__ == "__main__":
    main()
