"""The trial of a pretraining: on another data set, without the people that the trial it begins is judged on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bench import registry
from bench.core import BenchError, DataSpec, HeldOut, Labels, Recipe, Trial, UnpreparedDataError, canonical
from bench.data.prepare_command import prepare_command
from bench.method import Pretraining


def pretraining_trial(trial: Trial, wanted: Pretraining) -> Trial:
    """The pretraining whose weights begin the network of a trial.

    It has the partition, the fold, the seed and the recipe of the trial. It has no labels, or those of its own data
    set, also where those of the trial are random: these are as unknown to it as to a network without it.

    BenchError if people of the two data sets cannot be matched, or if the data sets are the same. UnpreparedDataError
    if the other one is not prepared.
    """
    from bench.data.held_out_people import people_checksum, same_people

    if trial.held_out is not None:
        raise BenchError(f"the pretraining on {trial.data.name} has a pretraining itself; only one can come first")
    data = _data(trial.data, wanted)
    smoke = trial.recipe.scans > 0  # a run that only shows that the study runs
    held = HeldOut(
        trial.data,
        replace(trial.split, fraction=1.0),
        trial.partition,
        trial.fold,
        trial.external.data if trial.external else None,
    )
    for spec in (held.data, *([held.external] if held.external else [])):
        same_people(data, spec)
    return Trial(
        data,
        wanted.method,
        labels=Labels() if wanted.labels else Labels("none"),
        partition=trial.partition,
        fold=trial.fold,
        seed=trial.seed,
        recipe=trial.recipe if smoke else _recipe(trial, wanted),
        held_out=replace(held, people=people_checksum(held)),
    )


def _recipe(trial: Trial, wanted: Pretraining) -> Recipe:
    recipe = trial.recipe
    return replace(recipe, steps=wanted.steps or recipe.steps, batch_size=wanted.batch_size or recipe.batch_size)


def pretraining_data(tested: str, wanted: Pretraining, params: Mapping[str, Any] | None = None) -> DataSpec:
    """The data set of a pretraining, without its fingerprint; a phantom if the data set `tested` is one.

    params: of the data set that is tested on.
    """
    member, ours = registry.member("datasets", wanted.data), registry.make("datasets", tested, params or {})
    if not ours.phantom or member.phantom:
        return registry.spec("datasets", wanted.data, wanted.data_params)
    if not member.twin:
        raise BenchError(f"{tested} is a phantom, and {wanted.data}, which a network is pretrained on, has none")
    spec = registry.spec("datasets", member.twin)
    same = (spec.name, spec.text) == (tested, registry.spec("datasets", tested, params or {}).text)
    if same and wanted.labels:
        return registry.spec("datasets", member.twin, {"seed": spec.params["seed"] + 1})  # other people
    return spec


def _data(tested: DataSpec, wanted: Pretraining) -> DataSpec:
    """The prepared data set of a pretraining; the fingerprint of a phantom that does not exist yet is empty."""
    from bench.data.prepared import fingerprint

    spec = pretraining_data(tested.name, wanted, tested.params)
    if wanted.labels and (spec.name, canonical(spec.params)) == (tested.name, canonical(tested.params)):
        raise BenchError(
            f"{wanted.method.name} would be pretrained on {spec.name} with the labels that it is tested on; name"
            " another data set in pretrain_data"
        )
    mark = fingerprint(spec.name, spec.params)
    if mark is None and not registry.member("datasets", spec.name).phantom:
        raise UnpreparedDataError(
            f"{spec.name}, which {wanted.method.name} is pretrained on, is not prepared; run:"
            f" {prepare_command(spec.name, spec.params)}"
        )
    return replace(spec, fingerprint=mark or "")
