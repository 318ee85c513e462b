"""Operations of a training, for the order and the time left of trials that nothing else is known of."""

from __future__ import annotations

from collections.abc import Iterable

from bench import registry
from bench.core import BenchError, Trial
from bench.experiments.trial_durations import trial_kind
from bench.views import effective

PASSES = 3  # a training step, in forward passes


def operations(trials: Iterable[Trial]) -> dict[str, float]:
    """kind -> operations of the steps of a training, for each kind whose network can be built and counted.

    Parameters
    ----------
    trials : iterable of Trial
        The networks of the first one of each kind are built, with random weights; no prepared scan is read.

    Returns
    -------
    dict of str to float
        Operations; only their ratios say something of seconds. What cannot be built is left out: its trial says why.
    """
    first: dict[str, Trial] = {}
    for trial in trials:
        first.setdefault(trial_kind(trial), trial)
    found = {kind: _operations(trial) for kind, trial in first.items()}
    return {kind: count for kind, count in found.items() if count}


def _operations(trial: Trial) -> float:
    from bench.training.model_cost import measure

    try:
        dataset = registry.make("datasets", trial.data.name, trial.data.params)
        method = registry.make("methods", trial.method.name, trial.method.params).bind_spacing(dataset.spacing)
        view = effective(method.view_for(dataset.task), dataset.shape)
        once = measure(method, dataset.task, view.shape(dataset.shape, dataset.spacing))["forward_flops"] or 0
    except (BenchError, OSError, RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError):
        return 0.0
    steps = min(trial.method.params.get("steps") or trial.recipe.steps, trial.recipe.steps)
    return float(PASSES * once * steps * trial.recipe.batch_size)
