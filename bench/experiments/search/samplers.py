"""Who suggests and who prunes: Optuna's own, every number that they go by said here and recorded.

A sampler is made anew for each question, from a seed of the search, the candidate's number and the parameter, and a
pruner reads the storage: neither remembers anything, so that a search that was killed goes on as if it had not been.
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
PRUNERS: dict[str, dict[str, Any]] = {  # in evaluation points: the resource of a candidate is how far it is trained
    "median": {"n_startup_trials": 5, "n_warmup_steps": 1, "interval_steps": 1, "n_min_trials": 3},
    "asha": {"min_resource": 1, "reduction_factor": 3, "min_early_stopping_rate": 0, "bootstrap_count": 0},
    "none": {},
}


def check(tuning: Tuning) -> None:
    """BenchError where there is no such sampler or pruner, or they do not go together."""
    for kind, name, known in (("sampler", tuning.sampler, SAMPLERS), ("pruner", tuning.pruner, PRUNERS)):
        if name not in known:
            raise BenchError(f"no {kind} {name!r}; {did_you_mean(name, known)}")
    if len(tuning.objectives) > 1 and tuning.pruner != "none":
        raise BenchError(
            f"the pruner {tuning.pruner!r} judges one objective, and there are {', '.join(tuning.objectives)}; give"
            " pruner='none'"
        )


def told(tuning: Tuning) -> dict[str, Any]:
    """The sampler, the pruner, their numbers and the seed, as they are recorded."""
    return plain(
        {
            "sampler": tuning.sampler,
            "sampler_settings": SAMPLERS[tuning.sampler],
            "pruner": tuning.pruner,
            "pruner_settings": PRUNERS[tuning.pruner],
            "seed": tuning.seed,
        }
    )


def sampler(tuning: Tuning, seed: int) -> BaseSampler:
    """The sampler of one question."""
    import optuna

    kinds = {
        "tpe": optuna.samplers.TPESampler,
        "random": optuna.samplers.RandomSampler,
        "nsga2": optuna.samplers.NSGAIISampler,
    }
    return kinds[tuning.sampler](seed=seed, **SAMPLERS[tuning.sampler])


def pruner(tuning: Tuning) -> BasePruner:
    """The pruner."""
    import optuna

    kinds = {
        "median": optuna.pruners.MedianPruner,
        "asha": optuna.pruners.SuccessiveHalvingPruner,
        "none": optuna.pruners.NopPruner,
    }
    return kinds[tuning.pruner](**PRUNERS[tuning.pruner])
