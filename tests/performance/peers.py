"""The same training by the harness and by its peers, in turns, in one process.

A bare loop of PyTorch, Lightning, and a loop over MONAI's CacheDataset train the same network on the same batches in
the same order. Ray Tune runs such bare loops side by side, where the harness runs trials. Lightning is left out with a
word where it is not installed.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from performance import own
from performance.measure import Result, Settings, seconds, threads
from performance.training import BATCH, COMPARED, SHAPE, STEPS, _in, _setup, _whole, bare

if TYPE_CHECKING:
    import torch
    from torch import nn

    from bench.training.training_setup import TrainingSetup

MOST = 1.03  # of the fastest of the peers
TRIALS = 12  # side by side
BESIDE = (
    f"{TRIALS} trials of timm2d on phantom_ad ({STEPS} steps of {BATCH}) through Ray against as many of Ray Tune, each"
    " a bare loop on the same scans after the same view; one processor a trial, with the start of Ray and all imports;"
    " the trials of the harness also evaluate four points, predict the test part and write a record"
)
Train = Callable[["TrainingSetup", Path], None]


def run(settings: Settings) -> Iterator[Result]:
    """Each peer's seconds over the fastest, a round with all of them in turns; then trials side by side."""
    yield from _loops(settings.pairs(5))
    yield _beside(settings.pairs(3))


def _loops(rounds: int) -> Iterator[Result]:
    trains: dict[str, Train] = {"the harness": _harness, "PyTorch": bare, "MONAI CacheDataset": _monai}
    if find_spec("lightning"):
        trains["Lightning"] = _lightning
    spent: dict[str, list[float]] = {name: [] for name in trains}
    with threads(1):
        setup = _setup()
        for number in range(-1, rounds):  # the first round is not counted
            names = list(trains)
            turn = number % len(names)
            for name in (*names[turn:], *names[:turn]):
                with tempfile.TemporaryDirectory() as folder:
                    took = seconds(partial(trains[name], setup, Path(folder)))
                if number >= 0:
                    spent[name].append(took)
    peers = {name: each for name, each in spent.items() if name != "the harness"}
    best = min(peers, key=lambda name: sum(peers[name]))
    ratios = [ours / theirs for ours, theirs in zip(spent["the harness"], spent[best], strict=True)]
    yield Result(f"training, the harness against {best}, the fastest peer", ratios, MOST, compared=COMPARED)
    for name, each in spent.items():
        yield Result(f"training, {name}", each, unit="s", compared=COMPARED)
    if "Lightning" not in trains:
        yield Result("training, Lightning", skipped="lightning is not installed")


def _harness(setup: TrainingSetup, folder: Path) -> None:
    from bench.training import loop

    loop.fit(_in(setup, str(folder)), SHAPE)


def _order(setup: TrainingSetup, count: int) -> list[int]:
    """Rows of the training part, all batches one after the other, as the harness draws them."""
    import numpy as np

    from bench.data.loader import shuffled_batches

    batches = shuffled_batches(count, BATCH, np.random.default_rng(setup.trial.seed_for("order")))
    return [int(row) for _ in range(STEPS) for row in next(batches)]


def _optimiser(setup: TrainingSetup, model: nn.Module) -> torch.optim.Optimizer:
    import torch

    return torch.optim.AdamW(model.parameters(), lr=setup.method.lr, weight_decay=setup.method.weight_decay)


def _monai(setup: TrainingSetup, folder: Path) -> None:
    """The loop that MONAI's tutorials write: a CacheDataset of dictionaries, its DataLoader, PyTorch's step."""
    import torch
    from monai.data import CacheDataset, DataLoader
    from safetensors.torch import save_model
    from torch.nn import functional as F

    def loader(part: Any, order: list[int] | None) -> DataLoader:
        x, y = _whole(part)
        rows = [{"image": image, "label": label} for image, label in zip(x, y, strict=True)]
        data = CacheDataset(rows, transform=[], progress=False, num_workers=1)
        return DataLoader(data, batch_size=BATCH, sampler=order, num_workers=0)

    model = setup.method.build(setup.task, SHAPE)
    optimiser = _optimiser(setup, model)
    model.train()
    for batch in loader(setup.train, _order(setup, len(setup.train))):
        loss = F.cross_entropy(model(batch["image"]), batch["label"])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    model.eval()
    with torch.no_grad():
        for batch in loader(setup.val, None):
            float(F.cross_entropy(model(batch["image"]), batch["label"]))
    save_model(model, str(folder / "monai.safetensors"))


def _lightning(setup: TrainingSetup, folder: Path) -> None:
    """A LightningModule and a Trainer, with everything switched off that the others do not do."""
    import lightning
    from safetensors.torch import save_model
    from torch.nn import functional as F
    from torch.utils.data import DataLoader, TensorDataset

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = setup.method.build(setup.task, SHAPE)

        def training_step(self, batch: Any, _number: int) -> torch.Tensor:
            return F.cross_entropy(self.model(batch[0]), batch[1])

        def validation_step(self, batch: Any, _number: int) -> None:
            self.log("val", F.cross_entropy(self.model(batch[0]), batch[1]))

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return _optimiser(setup, self.model)

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    module = Module()
    order = _order(setup, len(setup.train))
    train = DataLoader(TensorDataset(*_whole(setup.train)), batch_size=BATCH, sampler=order)
    val = DataLoader(TensorDataset(*_whole(setup.val)), batch_size=BATCH)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = lightning.Trainer(
            max_epochs=1, accelerator="cpu", num_sanity_val_steps=0, enable_model_summary=False,
            default_root_dir=folder, **quiet,
        )  # fmt: skip
        trainer.fit(module, train, val)
    save_model(module.model, str(folder / "lightning.safetensors"))


def _beside(rounds: int) -> Result:
    """Trials side by side: seconds of the harness over those of Ray Tune, from nothing to the last result."""
    from bench import registry
    from bench.core import Recipe, Split, Trial, paths
    from bench.data.prepare import prepare
    from bench.experiments import run_trial
    from bench.storage.record_store import Store

    ratios = []
    with own.folders() as folder:
        prepared, store = prepare("phantom_ad"), Store(paths.results_root())
        recipe = Recipe(steps=STEPS, batch_size=BATCH, points=4, precision="fp32")
        trial = Trial(prepared.spec, registry.spec("methods", "timm2d"), Split(folds=5), recipe=recipe)
        run_trial.run(trial, store)  # computes the view
        trials = [replace(trial, seed=seed) for seed in range(1, TRIALS + 1)]
        shared = _stored(trial, folder / "shared.npz")
        for number in range(rounds):
            turns = [lambda: own.launched(trials, "ray"), lambda: _tune(shared, folder)]
            first = number % 2
            spent = {first: seconds(turns[first])}
            spent[1 - first] = seconds(turns[1 - first])
            ratios.append(spent[0] / spent[1])
    return Result("trials side by side, the harness against Ray Tune", ratios, MOST, compared=BESIDE)


def _stored(trial: Any, path: Path) -> Path:
    """The training, validation and test parts of a trial as its network sees them, in a file."""
    import numpy as np
    import torch

    from bench import registry
    from bench.training.trial_data import load_trial_data

    method = registry.make("methods", trial.method.name, trial.method.params)
    data = load_trial_data(trial, method, torch.device("cpu"))
    fold, images = data.fold, np.asarray(data.array)
    rows = {name: getattr(fold, name) for name in ("train", "val", "test")}
    parts = {f"x_{name}": images[each].astype(np.float32) for name, each in rows.items()}
    np.savez(path, **parts, **{f"y_{name}": data.prepared.targets[each] for name, each in rows.items()})
    return path


def _tune(shared: Path, folder: Path) -> None:
    os.environ.update(RAY_worker_niceness="0")  # Ray gives its workers a lower priority than the harness has
    import ray
    from ray import cloudpickle, tune

    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the processes of Ray do not know this folder
    ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR", num_cpus=None)
    try:
        space = {"seed": tune.grid_search(list(range(TRIALS))), "shared": str(shared)}
        resources = tune.with_resources(_trainable, {"cpu": 1})
        found = tune.Tuner(resources, param_space=space, run_config=tune.RunConfig(storage_path=str(folder), verbose=0))
        if errors := found.fit().errors:
            raise RuntimeError(f"a trial of Ray Tune failed: {errors[0]}")
    finally:
        ray.shutdown()


def _trainable(config: Mapping[str, Any]) -> None:
    """What one would hand to Ray Tune: a bare loop, with the scores of the validation and test parts reported."""
    import bench  # isort: skip
    import numpy as np
    import timm
    import torch
    from ray import tune
    from torch.nn import functional as F

    assert bench  # imported before timm: its torchvision may be compiled for another build of torch
    torch.set_num_threads(1)
    torch.manual_seed(config["seed"])
    with np.load(config["shared"]) as file:
        parts = {name: torch.from_numpy(file[name]) for name in file.files}
    model = timm.create_model("resnet18", in_chans=parts["x_train"].shape[1], num_classes=2)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
    for _ in range(STEPS):
        index = torch.randperm(len(parts["y_train"]))[:BATCH]
        loss = F.cross_entropy(model(parts["x_train"][index]), parts["y_train"][index].long())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    model.eval()
    with torch.no_grad():
        scores = {f"loss_{name}": float(F.cross_entropy(model(parts[f"x_{name}"]), parts[f"y_{name}"].long()))
                  for name in ("val", "test")}  # fmt: skip
    tune.report(scores)
