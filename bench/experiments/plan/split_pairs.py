"""The splits that a study compares: two divisions of one data set, under which each arm is compared with itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench import registry
from bench.core import BenchError, Data, Study, canonical
from bench.experiments.plan.resolve_data import ResolvedData

Pair = tuple[str, str]


def check_splits(study: Study, name: str) -> None:
    """BenchError where a declared pair does not name two splits of one data set.

    study: as it was written, with the data sets that it names itself.
    """
    known = {data.where: data for data in study.datasets}
    for pair in study.split_contrasts:
        for label in pair:
            if label not in known:
                raise BenchError(
                    f"the study {name}: split_contrasts names the data {label!r}, which it does not have;"
                    f" {registry.did_you_mean(label, known)}"
                )
        if pair[0] == pair[1]:
            raise BenchError(f"the study {name}: split_contrasts compares the data {pair[0]!r} with itself")
        first, second = (known[label] for label in pair)
        if first.external or second.external:
            raise BenchError(
                f"the study {name}: split_contrasts compares {pair[0]!r} with {pair[1]!r}, and one of them is tested on"
                " another data set; name two splits of one data set"
            )
        if _set(first) != _set(second):
            raise BenchError(
                f"the study {name}: split_contrasts compares {pair[0]!r} with {pair[1]!r}, which are different data"
                " sets, or have different parameters; name two splits of one data set"
            )


def _set(data: Data) -> tuple[str, str]:
    return data.name, canonical(registry.spec("datasets", data.name, data.params).params)


def split_pairs(study: Study, data: Sequence[ResolvedData]) -> dict[Pair, Pair]:
    """Declared pair -> the names in tables of the data entries that the plan runs on.

    A phantom that stands in for the data set has its own name. A pair is left out where one of its data sets is.
    """
    found = {}
    for pair in study.split_contrasts:
        places = tuple(_place(study, label, data) for label in pair)
        if None not in places:
            found[tuple(pair)] = places
    return found


def _place(study: Study, label: str, data: Sequence[ResolvedData]) -> str | None:
    """The name in tables of a declared data set; None where it is not run."""
    for each in (each for each in study.datasets if each.where == label):
        for item in data:
            same = item.split, item.fraction, item.noise, item.missing, item.external
            names = item.spec.name, item.stand_in_for
            labelled = item.stand_in_for or item.label == each.label
            if each.name in names and labelled and same == (each.split, each.fraction, each.noise, each.missing, None):
                return item.where
    return None


def renamed(tests: Sequence[Pair], pairs: Mapping[Pair, Pair]) -> list[Pair]:
    """Primary tests with the pairs of splits as the plan names them."""
    return [pairs.get(test, test) for test in tests]
