"""Whether an arm asks for more optimiser steps than its study has: a method's own steps can only be fewer."""

from __future__ import annotations

from collections.abc import Iterator

from bench import registry
from bench.core import Arm, BenchError, DataSpec, Spec, Study, Trial


def check_steps(study: Study, arm: Arm) -> None:
    """BenchError if the method of an arm, a teacher of it or its pretraining has more steps than it would take."""
    own = registry.spec("methods", arm.method, arm.params)
    wanted = registry.make("methods", own.name, own.params).pretraining(own)
    most = study.recipe.steps
    if wanted and _steps(wanted.method) > (wanted.steps or most):
        many = _steps(wanted.method)
        raise BenchError(
            f"pretrain_params has steps={many}, but the pretraining takes {wanted.steps or most}; set"
            f" pretrain_steps to {many} instead"
        )
    for who, spec in (("it", own), *_teachers(study, arm, own)):
        if _steps(spec) > most:
            raise BenchError(
                f"{who} has steps={_steps(spec)}, more than the {most} of the study, which are the most that an arm"
                " takes; give it fewer, or give the study more and the other arms steps of their own"
            )


def _steps(method: Spec) -> int:
    """The method's own steps, also of the method that it wraps; 0: those of the study."""
    return registry.make("methods", method.name, method.params).steps


def _teachers(study: Study, arm: Arm, method: Spec) -> Iterator[tuple[str, Spec]]:
    """The methods that the arm learns from, where these have the steps of the study; an untrained teacher has fewer."""
    curriculum = registry.spec("curricula", arm.curriculum, arm.curriculum_params)
    trial = Trial(DataSpec(study.datasets[0].name), method, curriculum=curriculum, recipe=study.recipe)
    learners = (
        registry.make("methods", method.name, method.params),
        registry.make("curricula", curriculum.name, curriculum.params),
    )
    for teacher in (each for learner in learners for each in learner.upstream(trial)):
        if teacher.recipe == study.recipe:
            yield f"its teacher {teacher.method.name}", teacher.method
