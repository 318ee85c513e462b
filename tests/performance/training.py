"""The training loop against a bare one, and what share of a trial's time goes by waiting for data."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from performance import own
from performance.measure import Result, Settings, seconds, threads

if TYPE_CHECKING:
    from bench.data.loader import Part
    from bench.training.training_setup import TrainingSetup

STEPS, BATCH, SCANS = 40, 8, 64
SHAPE = (3, 110, 110)
MOST, WAITING = 1.03, 0.02
COMPARED = (
    f"bench.training.loop.fit against a bare loop of PyTorch: resnet18 on images of {SHAPE}, {STEPS} steps of {BATCH},"
    " AdamW, the same batches in the same order, no augmentation, one thread; both build the network, evaluate the"
    " validation part once and write the weights once"
)
SHARE = "data_seconds over all stages in the record of a trial of timm2d on phantom_ad, its view computed before"


def run(settings: Settings) -> Iterator[Result]:
    """Measure the loop alternately with plain code, then two trials; the second one is warm."""
    with threads(1):
        yield Result("training loop", _loops(settings.pairs(7)), MOST, compared=COMPARED)
    shares, details = _waiting(settings.pairs(3))
    yield Result("waiting for data", shares, WAITING, unit="%", compared=SHARE, details=details)


def _loops(rounds: int) -> list[float]:
    from bench.training import loop

    setup = _setup()
    ratios = []
    for number in range(-1, rounds):  # the first turn is not counted
        with tempfile.TemporaryDirectory() as folder:
            turns = [lambda f=folder: loop.fit(_in(setup, f), SHAPE), lambda f=folder: bare(setup, Path(f))]
            first = number % 2
            spent = {first: seconds(turns[first])}
            spent[1 - first] = seconds(turns[1 - first])
        if number >= 0:
            ratios.append(spent[0] / spent[1])
    return ratios


def _in(setup: TrainingSetup, folder: str) -> TrainingSetup:
    from dataclasses import replace

    return replace(setup, workplace=Path(folder))


def _setup() -> TrainingSetup:
    import numpy as np
    import torch

    from bench import registry
    from bench.core import DataSpec, Recipe, Task, Trial
    from bench.data.loader import Normaliser, Part
    from bench.training.training_setup import TrainingSetup

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(SCANS + BATCH, *SHAPE)).astype(np.float32), np.arange(SCANS + BATCH) % 2
    rows = np.arange(SCANS), np.arange(SCANS, SCANS + BATCH)
    train, val = (Part(x, each, y[each], Normaliser.none(SHAPE[0]), torch.device("cpu")) for each in rows)
    recipe = Recipe(steps=STEPS, batch_size=BATCH, points=1, precision="fp32")
    spec, params = registry.spec("methods", "timm2d"), {"schedule": "constant"}
    return TrainingSetup(
        Trial(DataSpec("any"), spec, recipe=recipe),
        registry.make("methods", "timm2d", params),
        registry.make("curricula", "none"),
        Task("classification", "auc", ("a", "b")),
        train,
        val,
        torch.device("cpu"),
        Path(),
    )


def bare(setup: TrainingSetup, folder: Path) -> None:
    """What one would write by hand for the same training, on the tensors that the parts hold."""
    import numpy as np
    import torch
    from safetensors.torch import save_model
    from torch.nn import functional as F

    from bench.data.loader import shuffled_batches

    x, y = _whole(setup.train)
    order = shuffled_batches(len(y), BATCH, np.random.default_rng(setup.trial.seed_for("order")))
    model = setup.method.build(setup.task, SHAPE)
    optimiser = torch.optim.AdamW(model.parameters(), lr=setup.method.lr, weight_decay=setup.method.weight_decay)
    model.train()
    for _ in range(STEPS):
        index = torch.from_numpy(next(order))
        loss = F.cross_entropy(model(x[index]), y[index])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    model.eval()
    images, truth = _whole(setup.val)
    with torch.no_grad():
        float(F.cross_entropy(model(images), truth))
    save_model(model, str(folder / "bare.safetensors"))


def _whole(part: Part) -> tuple:
    _, x, y = next(part.batches(len(part)))
    return x, y


def _waiting(rounds: int) -> tuple[list[float], dict[str, float]]:
    from dataclasses import replace

    from bench import registry
    from bench.core import Recipe, Split, Trial, paths
    from bench.data.prepare import prepare
    from bench.experiments import run_trial
    from bench.storage.record_store import Store

    shares, spent = [], {}
    with own.folders():
        prepared, store = prepare("phantom_ad"), Store(paths.results_root())
        method = registry.spec("methods", "timm2d")
        trial = Trial(prepared.spec, method, Split(folds=5), recipe=Recipe(steps=STEPS, batch_size=BATCH, points=4))
        for seed in range(rounds + 1):
            record = run_trial.run(replace(trial, seed=seed), store)
            if record.status != "done":
                raise RuntimeError(f"the trial {record.status}: {record.error.get('traceback', '')}")
            stages = ("data", "forward", "backward", "update", "evaluation", "writing")
            spent = {stage: record.cost[f"{stage}_seconds"] for stage in stages}
            shares.append(spent["data"] / sum(spent.values()))
    return shares[1:], spent  # the first computes the view
