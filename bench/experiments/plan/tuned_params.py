"""Parameters that `bench tune` found and a person committed: read by name, and used only on the fold of their search.

A file holds one set for each search: arm, method, data, split, labels, partition and fold beside the parameters. A set
is used only where all of these are the same: on any other fold, its search has seen scans that are tested there. Other
training seeds use the same fold and the same people, so seeds are not compared.
"""

from __future__ import annotations

import shlex
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
    """Every committed file, by name."""
    folders = [*registry.member_folders("studies"), *(folder.resolve() for folder in paths.plugin_folders())]
    return {path.stem: path for folder in dict.fromkeys(folders) for path in sorted((folder / FOLDER).glob("*.json"))}


def read(name: str) -> dict[str, Any]:
    """The file of that name. BenchError if it does not exist, was changed, or belongs to another protocol."""
    known = files()
    if name not in known:
        raise BenchError(
            f"no tuned parameters {name!r}; {registry.did_you_mean(name, known)}; search for them with"
            f" `bench tune --study {shlex.quote(name)}`, and save the file that it writes beside the studies as"
            f" {FOLDER}/{name}.json"
        )
    return tuned_file.read_tuned(known[name])


def fitted(trial: Trial, name: str) -> tuple[Trial, dict[str, Any]]:
    """The trial with the parameters that were tuned on its fold, and the cost of their search.

    BenchError where they were tuned for another method, version, data, split, labels, partition or fold.
    """
    left = list(read(name)["sets"])
    for words, of, value in _aspects(trial):
        same = [one for one in left if of(one) == value]
        if not same:
            sets = ", ".join(sorted({_shortened(of(one)) for one in left}))
            raise BenchError(
                f"tuned parameters {name!r} do not apply to this trial of {trial.method.name}: {words} is"
                f" {_shortened(value)} here, and they were tuned for {sets}. They are used only on the fold they were"
                f" tuned on; search again: bench tune --study {shlex.quote(name)}"
            )
        left = same
    params = {**trial.method.params, **left[0]["params"]}
    method = registry.spec("methods", trial.method.name, params)
    return replace(trial, method=method), dict(left[0]["cost"])


def _aspects(trial: Trial) -> Iterator[tuple[str, Callable[[Entry], Any], Any]]:
    """(in words, value of a set, value of the trial) of every property that must agree."""
    method = trial.method
    yield "the method", lambda one: one["method"]["name"], method.name
    yield "its version", lambda one: one["method"]["version"], method.version
    yield "its parameters in the arm", lambda one: canonical(one["method"]["params"]), canonical(method.params)
    yield "the curriculum", lambda one: canonical(one["curriculum"]), canonical(plain(trial.curriculum))
    yield "the data set", lambda one: one["data"]["name"], trial.data.name
    yield "its version", lambda one: one["data"]["version"], trial.data.version
    yield "its parameters", lambda one: canonical(one["data"]["params"]), canonical(trial.data.params)
    if trial.data.fingerprint:  # a phantom that does not exist yet has none: it is compared once it exists
        yield "its fingerprint", lambda one: one["data"]["fingerprint"], trial.data.fingerprint
    yield "the split", lambda one: canonical(one["split"]), canonical(trial.split)
    yield "the labels", lambda one: canonical(one["labels"]), canonical(trial.labels)
    yield "the partition", lambda one: one["partition"], trial.partition
    yield "the fold", lambda one: one["fold"], trial.fold


def _shortened(value: Any) -> str:
    """A value as text for a message, at most one line long."""
    text = str(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
