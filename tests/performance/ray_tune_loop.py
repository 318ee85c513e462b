"""What one would write without this harness: Ray Tune, a DataLoader, and one trial a GPU."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.core import Trial


def run(trial: Trial, path: Path, trials: int, small: bool) -> None:
    """Train the network of the trial on its data `trials` times; each end is a line in the file at `path`."""
    import ray
    import torch
    from ray import tune

    gpus = int(torch.cuda.is_available())
    ray.init(num_cpus=2, num_gpus=gpus, include_dashboard=False, log_to_driver=False, configure_logging=False)
    given = tune.with_resources(partial(_train, trial=trial, path=path, small=small), {"cpu": 1, "gpu": gpus})
    with tempfile.TemporaryDirectory() as folder:
        setting = tune.RunConfig(storage_path=folder, verbose=0)
        space, once = {"lr": tune.loguniform(1e-4, 1e-2)}, tune.TuneConfig(num_samples=trials)
        found = tune.Tuner(given, param_space=space, tune_config=once, run_config=setting).fit()
    ray.shutdown()
    if found.errors:
        raise found.errors[0]


def _train(config: dict, trial: Trial, path: Path, small: bool) -> None:
    import torch
    from ray import tune
    from torch.nn import functional as F
    from torch.utils.data import DataLoader

    from performance.gpu_trials import note_end

    method, task, data, shape, device = _parts(trial)
    gpu, workers = device.type == "cuda", 0 if small else 2
    more = {"num_workers": workers, "persistent_workers": workers > 0, "pin_memory": gpu}
    loader = DataLoader(data, trial.recipe.batch_size, shuffle=True, drop_last=True, **more)
    model = method.build(task, shape).to(device)
    optimiser = torch.optim.AdamW(model.parameters(), lr=config["lr"], weight_decay=method.weight_decay)
    done, model = 0, model.train()
    while done < trial.recipe.steps:
        for x, y in loader:
            with torch.autocast(device.type, torch.bfloat16, enabled=gpu):
                loss = F.cross_entropy(model(x.to(device, non_blocking=True)), y.to(device, non_blocking=True))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            done += 1
            if done == trial.recipe.steps:
                break
    tune.report({"loss": float(loss)})
    note_end(path)


def _parts(trial: Trial) -> tuple:
    import numpy as np
    import torch
    from torch.utils.data import TensorDataset

    from bench import registry
    from bench.training.trial_data import load_trial_data

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    method = registry.make("methods", trial.method.name, trial.method.params)
    data = load_trial_data(trial, method, torch.device("cpu"))
    part = data.part(data.fold.train)
    x, y = part.take(np.arange(len(part)))
    return data.method, data.prepared.task, TensorDataset(x, y), data.shape, device
