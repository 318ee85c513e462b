"""Samplers and pruners of Optuna, with every setting written out here and stored with the search.

Each suggestion uses a new sampler with its own seed (of the search, the candidate and the parameter), and pruners read
the storage. Neither has state of its own, so a killed search resumes with the same candidates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.core import BenchError, Tuning, plain
from bench.registry import did_you_mean

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

SAMPLERS: dict[str, dict[str, Any]] = {
    "tpe": {"n_startup_trials": 10, "n_ei_candidates": 24, "multivariate": False, "constant_liar": True},
    "random": {},
    "nsga2": {"population_size": 10, "crossover_prob": 0.9, "swapping_prob": 0.5},
}
PRUNERS: dict[str, dict[str, Any]] = {  # counted in evaluation points
    "median": {"n_startup_trials": 5, "n_warmup_steps": 1, "interval_steps": 1, "n_min_trials": 3},
    "asha": {"min_resource": 1, "reduction_factor": 3, "min_early_stopping_rate": 0, "bootstrap_count": 0},
    "none": {},
}


def check_samplers(tuning: Tuning) -> None:
    """BenchError if the sampler or the pruner does not exist, or the pruner does not support the objectives."""
    for kind, name, known in (("sampler", tuning.sampler, SAMPLERS), ("pruner", tuning.pruner, PRUNERS)):
        if name not in known:
            raise BenchError(f"no {kind} {name!r}; {did_you_mean(name, known)}")
    if len(tuning.objectives) > 1 and tuning.pruner != "none":
        raise BenchError(
            f"the pruner {tuning.pruner!r} supports one objective, not {', '.join(tuning.objectives)}; give"
            " pruner='none'"
        )


def settings_dict(tuning: Tuning) -> dict[str, Any]:
    """Sampler, pruner, their settings and the seed, as stored with a search. Part of the search's identity."""
    return plain(
        {
            "sampler": tuning.sampler,
            "sampler_settings": SAMPLERS[tuning.sampler],
            "pruner": tuning.pruner,
            "pruner_settings": PRUNERS[tuning.pruner],
            "seed": tuning.seed,
        }
    )


def make_sampler(tuning: Tuning, seed: int) -> BaseSampler:
    """A new sampler for one suggestion."""
    import optuna

    kinds = {
        "tpe": optuna.samplers.TPESampler,
        "random": optuna.samplers.RandomSampler,
        "nsga2": optuna.samplers.NSGAIISampler,
    }
    return kinds[tuning.sampler](seed=seed, **SAMPLERS[tuning.sampler])


def make_pruner(tuning: Tuning) -> BasePruner:
    """A new pruner."""
    import optuna

    kinds = {
        "median": optuna.pruners.MedianPruner,
        "asha": optuna.pruners.SuccessiveHalvingPruner,
        "none": optuna.pruners.NopPruner,
    }
    return kinds[tuning.pruner](**PRUNERS[tuning.pruner])
