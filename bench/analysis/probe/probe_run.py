"""The probes of a study: every arm and covariate, networks trained and untrained, over the folds of one partition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from bench import evaluation
from bench.analysis.networks_with_weights import networks_with_weights
from bench.analysis.probe.covariate_probe import PERMUTATIONS, ProbeScores, probe_covariate
from bench.analysis.probe.feature_agreement import FeatureAgreement, feature_agreement
from bench.core import BenchError, seed_of
from bench.core.study_plan import PlannedCell, StudyPlan
from bench.data.covariates import covariate_values
from bench.storage.record_store import Store
from bench.training import inference
from bench.training.device import enable_determinism
from bench.training.trained_model import TrainedModel, load
from bench.training.training_setup import autocast

TARGET = "(target)"
KINDS = ("trained", "untrained")
PROBES = (
    "data", "data_kind", "arm", "network", "covariate", "measure", "folds", "people", "score", "chance", "chance_high",
    "p", "p_holm",
)  # fmt: skip
AGREEMENTS = ("data", "data_kind", "arm", "network", "folds", "people", "icc", "same_person", "chance")


@dataclass(frozen=True)
class ProbeJob:
    """The networks to probe. skipped: arm -> why it is not. lacking: arm -> number of its trials without weights."""

    store: Store
    plan: StudyPlan
    cells: Sequence[PlannedCell]
    skipped: dict[str, str]
    lacking: dict[str, int]


def plan_probes(plan: StudyPlan, store: Store, arms: Sequence[str]) -> ProbeJob:
    """The job for the named arms, or for all: their networks of the first partition and seed that have weights.

    Each person is then tested once. Methods that read no scan or are solved without a network are skipped. BenchError
    if the study has no such arm, no weights, or no network among them.
    """
    from bench import registry

    cells, lacking = networks_with_weights(plan, store, arms)
    cells = [cell for cell in cells if cell.partition == 0 and cell.seed == 0]
    skipped = {}
    for cell in cells:
        method = registry.member("methods", cell.method)
        if method.reads_covariates or method.blind or method.solves:
            skipped[cell.arm] = "it has no network whose features could be read"
    networks = [cell for cell in cells if cell.arm not in skipped]
    if not networks:
        raise BenchError(f"no arm of {plan.study} with kept weights is a network: {', '.join(skipped)}")
    return ProbeJob(store, plan, networks, skipped, lacking)


def run_probes(job: ProbeJob, progress: Callable[[int, int], None]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Probe every network; returns a row for each arm, covariate and kind of network, and one for its agreement."""
    found: dict[tuple, list[ProbeScores]] = {}
    agreed: dict[tuple, list[FeatureAgreement]] = {}
    for done, cell in enumerate(job.cells):
        loaded = load(job.store, cell.key)
        known = _covariates(loaded)
        for kind in KINDS:
            features, place = _features(loaded, kind), (cell.data, cell.arm, kind)
            for name, values in known.items():
                rng = np.random.default_rng(seed_of("probe", cell.data, cell.fold, name))  # the same for all arms
                if (scores := probe_covariate(features, values, _people(loaded), rng)) is not None:
                    found.setdefault((*place, name, scores.measure), []).append(scores)
            if (one := feature_agreement(features, _people(loaded), _sites(loaded))) is not None:
                agreed.setdefault(place, []).append(one)
        progress(done + 1, len(job.cells))
    kinds = {entry.name: "phantom" if entry.phantom else "real" for entry in job.plan.data}
    probes = pd.DataFrame([_probe_row(kinds, *item) for item in found.items()], columns=PROBES)
    rows = [_agreement_row(kinds, *item) for item in agreed.items()]
    return probes.assign(p_holm=_corrected(probes)), pd.DataFrame(rows, columns=AGREEMENTS)


def _corrected(probes: pd.DataFrame) -> np.ndarray:
    """Holm's correction over the trained networks and covariates of a data set; the target is no covariate."""
    corrected = np.full(len(probes), np.nan)
    for data in dict.fromkeys(probes["data"]):
        rows = (probes["data"] == data) & (probes["network"] == "trained") & (probes["covariate"] != TARGET)
        corrected[rows] = evaluation.holm(probes.loc[rows, "p"].to_numpy(dtype=float))
    return corrected


def _features(loaded: TrainedModel, kind: str) -> np.ndarray:
    """(N, F) inputs of the last layer for the test scans."""
    recipe = loaded.record.trial.recipe
    enable_determinism(recipe.threads)
    model = loaded.model if kind == "trained" else loaded.untrained(0)
    with threadpool_limits(recipe.threads):
        mixed = autocast(recipe, loaded.data.device)
        made = inference.upstream_outputs(model, loaded.data.test(), 2 * recipe.batch_size, mixed)
    return made.features.float().flatten(1).cpu().double().numpy()


def _covariates(loaded: TrainedModel) -> dict[str, list[object]]:
    """The declared covariates and the target of the test scans."""
    tested = loaded.data.tested
    known = covariate_values(tested.prepared)
    found: dict[str, list[object]] = {name: [values[row] for row in tested.rows] for name, values in known.items()}
    task = tested.prepared.task
    if task.kind == "classification":
        found[TARGET] = [task.classes[int(value)] for value in tested.targets]
    elif task.kind == "regression":
        found[TARGET] = [float(value) for value in tested.targets]
    return found


def _people(loaded: TrainedModel) -> list[str]:
    return [loaded.data.tested.prepared.groups[row] for row in loaded.data.tested.rows]


def _sites(loaded: TrainedModel) -> list[str]:
    return [loaded.data.tested.prepared.sites[row] for row in loaded.data.tested.rows]


def _probe_row(kinds: dict[str, str], place: tuple, parts: Sequence[ProbeScores]) -> dict[str, object]:
    data, arm, network, covariate, measure = place
    drawn = np.mean([part.permuted for part in parts], axis=0)
    score = float(np.mean([part.score for part in parts]))
    row = {"data": data, "data_kind": kinds[data], "arm": arm, "network": network, "covariate": covariate}
    row |= {"measure": measure, "folds": len(parts), "people": sum(part.people for part in parts), "score": score}
    row |= {"chance": float(drawn.mean()), "chance_high": float(np.quantile(drawn, 0.95))}
    return row | {"p": (1 + int((drawn >= score - 1e-12).sum())) / (1 + PERMUTATIONS)}


def _agreement_row(kinds: dict[str, str], place: tuple, parts: Sequence[FeatureAgreement]) -> dict[str, object]:
    data, arm, network = place
    row = {"data": data, "data_kind": kinds[data], "arm": arm, "network": network, "folds": len(parts)}
    row |= {name: float(np.mean([getattr(part, name) for part in parts])) for name in ("icc", "same_person", "chance")}
    return row | {"people": sum(part.people for part in parts)}
