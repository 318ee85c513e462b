"""A study before its cells are planned: its checks, and its smallest form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench import registry
from bench.core import KINDS, Arm, BenchError, Recipe, Study, arm_label
from bench.core.study_schema import check_form
from bench.experiments.plan import tuned_params
from bench.experiments.plan.factors import check_distinct, check_levels
from bench.experiments.plan.own_steps import check_steps
from bench.experiments.plan.primary_tests import check_primary
from bench.experiments.plan.resolve_data import ResolvedData

SMOKE = Recipe(steps=2, batch_size=2, points=1, scans=4)


def check(study: Study, name: str) -> None:
    """BenchError where the study cannot be built: wrong methods, parameters, curricula, arms, contrasts, metrics."""
    check_form(study, name)
    check_levels(study, name)
    _check_labels(study, name)
    arms = dict(study.rows())
    if not arms:
        raise BenchError(f"the study {name} has no arms")
    for label, arm in arms.items():
        if wrong := set(arm.tasks) - set(KINDS):
            raise BenchError(
                f"arm {label!r} of the study {name}: no kind of task {min(wrong)!r}; choose from {', '.join(KINDS)}"
            )
        try:
            registry.make("methods", arm.method, arm.params)
            registry.make("curricula", arm.curriculum, arm.curriculum_params)
            check_steps(study, arm)
            if arm.tuned:
                tuned_params.read(arm.tuned)
        except BenchError as error:
            raise BenchError(f"arm {label!r} of the study {name}: {error}") from error
    check_distinct(study, name)
    _check_named(study, name, arms)
    check_primary(study, name)


def _check_named(study: Study, name: str, arms: Mapping[str, Arm]) -> None:
    """BenchError where the study names an unknown arm, or a setting is out of range."""
    named = [study.reference, *study.floors, *(label for pair in study.contrasts for label in pair)]
    named += [study.again] if study.again else []
    named += study.random_labels.arms if study.random_labels else ()
    for label in named:
        if label not in arms:
            raise BenchError(f"the study {name} has no arm {label!r}; {registry.did_you_mean(label, arms)}")
    if same := [one for one, other in study.contrasts if one == other]:
        raise BenchError(f"the study {name} compares the arm {same[0]!r} with itself")
    if study.margin is not None and study.margin <= 0:
        raise BenchError(f"the study {name}: the margin of equivalence must be above 0, not {study.margin:g}")
    if study.missing not in ("stop", "skip"):
        raise BenchError(f"the study {name}: missing must be 'stop' or 'skip', not {study.missing!r}")


def _check_labels(study: Study, name: str) -> None:
    labels = [label for label, _ in study.rows()]
    labels += [arm_label(arm, "random_labels") for arm in study.random_labels.arms] if study.random_labels else []
    if twice := {label for label in labels if labels.count(label) > 1}:
        raise BenchError(f"the study {name} has two arms named {min(twice)!r}; rename one")
    if wrong := [label for label in labels if not label.strip() or not label.isprintable()]:
        raise BenchError(f"the study {name} has an arm {wrong[0]!r}; rename it in one line of printable characters")


def lightened(study: Study, found: Sequence[ResolvedData]) -> tuple[Study, list[str]]:
    """The study as it runs on these data sets, and notes: the light form where phantoms replace all data sets."""
    real = [item for item in found if not registry.member("datasets", item.spec.name).phantom]
    if study.light is None or real or not any(item.stand_in_for for item in found):
        return study, []
    recipe, folds, partitions = study.light.recipe, study.light.folds, study.light.partitions
    seeds, more = (
        ("", "") if study.seeds == study.light.seeds else (f", {study.light.seeds} seed(s)", f", {study.seeds}")
    )
    note = (
        f"phantoms stand in for all data sets, so the study runs in its light form: {folds} folds of {recipe.steps}"
        f" steps{seeds} instead of {study.folds} of {study.recipe.steps}{more}. It shows that the question can be"
        " asked, and how large an effect so little training would see; which answer real scans give cannot be"
        " concluded from it"
    )
    return replace(study, recipe=recipe, folds=folds, partitions=partitions, seeds=study.light.seeds, cost=""), [note]


def smoke(study: Study) -> Study:
    """The study in its smallest form: one fold, one seed, a dozen scans, two steps of two scans, one permutation."""
    controls = replace(study.random_labels, permutations=1) if study.random_labels else None
    return replace(study, partitions=1, seeds=1, random_labels=controls, recipe=SMOKE)
