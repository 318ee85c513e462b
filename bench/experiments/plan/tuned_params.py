"""Parameters that `bench tune` found and a person committed: read by name, and used on the fold they were found on.

A file holds a set for each search: arm, method, data, split, labels, partition and fold beside the parameters. A set is
used where all of that is the same, and nowhere else: on any other fold its search has seen scans that are tested there.
Other training seeds are the same fold and the same people, so seeds are no part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import registry
from bench.core import BenchError, Trial, canonical, paths, plain
from bench.storage import tuned_file

FOLDER = "tuned"  # beside the studies, shipped or a user's own
Entry = Mapping[str, Any]


def files() -> dict[str, Path]:
    """Every committed file by its name."""
    homes = [*registry.homes("studies"), *(folder.resolve() for folder in paths.plugin_folders())]
    return {path.stem: path for home in dict.fromkeys(homes) for path in sorted((home / FOLDER).glob("*.json"))}


def read(name: str) -> dict[str, Any]:
    """The file of that name. BenchError where there is none, it was changed, or another protocol's."""
    known = files()
    if name not in known:
        raise BenchError(
            f"no tuned parameters {name!r}; {registry.did_you_mean(name, known)}; `bench tune --study {name}` finds"
            f" them; what it writes is used once it lies beside the studies as {FOLDER}/{name}.json"
        )
    return tuned_file.read_tuned(known[name])


def fitted(trial: Trial, name: str) -> tuple[Trial, dict[str, Any]]:
    """The trial with the parameters found on its fold, and what finding them cost.

    BenchError where they were found for another method, version, data, split, labels, partition or fold.
    """
    left = list(read(name)["sets"])
    for words, of, here in _aspects(trial):
        same = [one for one in left if of(one) == here]
        if not same:
            there = ", ".join(sorted({_told(of(one)) for one in left}))
            raise BenchError(
                f"tuned parameters {name!r} are not for this trial of {trial.method.name}: {words} is {_told(here)}"
                f" here, and they were found for {there}. Parameters are used on the fold that they were found on, and"
                f" on no other; search anew: bench tune --study {name}"
            )
        left = same
    params = {**trial.method.params, **left[0]["params"]}
    found = registry.spec("methods", trial.method.name, params)
    return replace(trial, method=found), dict(left[0]["cost"])


def _aspects(trial: Trial) -> Iterator[tuple[str, Callable[[Entry], Any], Any]]:
    """(in words, of a set, of the trial) of all that has to be the same."""
    method = trial.method
    yield "the method", lambda one: one["method"]["name"], method.name
    yield "its version", lambda one: one["method"]["version"], method.version
    yield "what the arm gives it", lambda one: canonical(one["method"]["params"]), canonical(method.params)
    yield "the curriculum", lambda one: canonical(one["curriculum"]), canonical(plain(trial.curriculum))
    yield "the data set", lambda one: one["data"]["name"], trial.data.name
    yield "its version", lambda one: one["data"]["version"], trial.data.version
    yield "its parameters", lambda one: canonical(one["data"]["params"]), canonical(trial.data.params)
    if trial.data.fingerprint:  # a phantom that is not made yet has none: it is looked at when it is
        yield "its fingerprint", lambda one: one["data"]["fingerprint"], trial.data.fingerprint
    yield "the split", lambda one: canonical(one["split"]), canonical(trial.split)
    yield "the labels", lambda one: canonical(one["labels"]), canonical(trial.labels)
    yield "the partition", lambda one: one["partition"], trial.partition
    yield "the fold", lambda one: one["fold"], trial.fold


def _told(value: Any) -> str:
    """A value in a message, none longer than a line."""
    text = str(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
