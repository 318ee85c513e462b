"""The confounder tests of a data set: one value of every person, and predictions that all folds have on one scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bench.core import seed_of
from bench.evaluation.confounder_test import ConfounderTest, Variable, conditional_permutations, confounder_test
from bench.report.tables.results import DatasetResults, Run
from bench.report.tables.scan_covariates import ScanCovariate

TINY = 1e-6  # the smallest probability of which a logit is taken
FEW = 10  # people; fewer are not tested
UNTESTED = ConfounderTest(np.nan, np.nan, np.nan)


@dataclass
class ConfounderTests:
    """The tests of the arms of a data set. Permutations depend on no prediction and are drawn once for all arms."""

    section: DatasetResults
    _permuted: dict[tuple, np.ndarray] = field(default_factory=dict)

    def of(self, arm: str, covariate: ScanCovariate) -> tuple[ConfounderTest, ConfounderTest]:
        """The partial and the full test of an arm for a covariate; NaN where they are not possible."""
        people = _people(self.section, arm)
        values = _values_of_people(covariate, people)
        names = sorted(name for name in people if name in values)
        if len(names) < FEW:
            return UNTESTED, UNTESTED
        predicted = np.stack([people[name].prediction for name in names])
        target = Variable(np.array([people[name].target for name in names]), self.section.task.kind == "classification")
        known = _variable([values[name] for name in names], covariate.numeric)
        return (
            self._test(predicted, known, target, (covariate.name, "partial", tuple(names))),
            self._test(predicted, target, known, (covariate.name, "full", tuple(names))),
        )

    def _test(self, predicted: np.ndarray, moved: Variable, given: Variable, place: tuple) -> ConfounderTest:
        if len(np.unique(moved.values)) < 2 or len(np.unique(given.values)) < 2:
            return UNTESTED
        if place not in self._permuted:
            rng = np.random.default_rng(seed_of(self.section.name, *place[:2]))
            self._permuted[place] = conditional_permutations(moved, given, rng)
        return confounder_test(predicted, moved, self._permuted[place])


@dataclass(frozen=True)
class _Person:
    """The target of a person, and what is predicted on average over scans, folds and seeds, (D,)."""

    target: float
    prediction: np.ndarray


def _people(section: DatasetResults, arm: str) -> dict[str, _Person]:
    """Every tested person whose scans have one target; empty if the arm has no predictions of classes or numbers."""
    targets: dict[str, set[float]] = {}
    predictions: dict[str, list[np.ndarray]] = {}
    for run in section.of(arm):
        kept = section.predictions(run)
        if "selected" not in kept or not np.isfinite(kept["selected"]).all():
            continue
        for name, y, p in zip(kept["groups"], kept["y"], _on_one_scale(section, run), strict=True):
            targets.setdefault(str(name), set()).add(float(y))
            predictions.setdefault(str(name), []).append(p)
    return {
        name: _Person(next(iter(found)), np.mean(predictions[name], axis=0))
        for name, found in targets.items()
        if len(found) == 1
    }


def _on_one_scale(section: DatasetResults, run: Run) -> np.ndarray:
    """(N, D) predictions of one model with mean 0 and deviation 1: logits of classes, or numbers."""
    found = section.predictions(run)["selected"].astype(float)
    if found.ndim == 2:
        logs = np.log(np.clip(found, TINY, 1))
        found = logs[:, 1:] - logs[:, :1] if found.shape[1] == 2 else logs - logs.mean(axis=1, keepdims=True)
    else:
        found = found[:, None]
    centred = found - found.mean(axis=0)
    spread = float(np.sqrt((centred**2).mean()))
    return centred / spread if spread > TINY else np.zeros_like(centred)


def _values_of_people(covariate: ScanCovariate, people: Mapping[str, _Person]) -> dict[str, object]:
    """The value of each person; those whose scans have several texts are left out, and numbers are averaged."""
    found: dict[str, list] = {}
    for identity, group in covariate.groups.items():
        value = covariate.values[identity]
        known = value is not None if covariate.numeric else identity in covariate.strata
        if known and group in people:
            found.setdefault(group, []).append(value)
    if covariate.numeric:
        return {name: float(np.mean(values)) for name, values in found.items()}
    return {name: values[0] for name, values in found.items() if len(set(values)) == 1}


def _variable(values: list, numeric: bool) -> Variable:
    if numeric:
        return Variable(np.array(values, dtype=float), False)
    return Variable(np.unique(np.array(values), return_inverse=True)[1], True)
