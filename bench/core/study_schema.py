"""Whether a study as somebody wrote it is made of the right parts: told by name, before anything reads them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.core.factorial_design import Design, Factor
from bench.core.search_space import Tuning, check_space
from bench.core.serialization import BenchError
from bench.core.study import Arm, Data, Light, RandomLabels, Study
from bench.core.trial import Recipe

Check = Callable[[Any, str], None]  # a value and what it is called


def check_form(study: Any, name: str) -> None:
    """BenchError where a part of the study is no such thing, with the part and what it should be."""
    where = f"the study {name}"
    if not isinstance(study, Study):
        raise BenchError(f"{where}: STUDY is a Study, not {_shown(study)}")
    _parts(study, where, STUDY)
    if not study.datasets:
        raise BenchError(f"{where} has no data sets; give some: datasets=[Data(...)]")


def _wrong(value: Any, where: str, wanted: str) -> BenchError:
    return BenchError(f"{where} is {wanted}, not {_shown(value)}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _parts(value: Any, where: str, checks: Mapping[str, Check]) -> None:
    for name, check in checks.items():
        check(getattr(value, name), f"{where}: {name}")


def _text(value: Any, where: str) -> None:
    if not isinstance(value, str):
        raise _wrong(value, where, "a text")


def _whole(least: int) -> Check:
    def check(value: Any, where: str) -> None:
        if type(value) is not int or value < least:
            raise _wrong(value, where, f"a whole number, {least} at least")

    return check


def _number(value: Any, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise _wrong(value, where, "a number")


def _anything(value: Any, where: str) -> None:
    pass


def _or_none(check: Check) -> Check:
    return lambda value, where: None if value is None else check(value, where)


def _mapping(check: Check, of: str) -> Check:
    """A mapping of names to `of`."""

    def check_all(value: Any, where: str) -> None:
        if not isinstance(value, Mapping):
            raise _wrong(value, where, f"a mapping of names to {of}")
        for name, item in value.items():
            _text(name, f"{where}: a name")
            check(item, f"{where} {name!r}")

    return check_all


def _listed(check: Check, of: str, length: int | None = None) -> Check:
    """A list of `of`; length: where there are so many of them always."""

    def check_all(value: Any, where: str) -> None:
        if isinstance(value, str) or not isinstance(value, Sequence) or (length and len(value) != length):
            raise _wrong(value, where, of)
        for number, item in enumerate(value):
            check(item, f"{where}[{number}]")

    return check_all


def _a(kind: type, checks: Mapping[str, Check]) -> Check:
    article = "an" if kind.__name__[0] in "AEIOU" else "a"

    def check(value: Any, where: str) -> None:
        if not isinstance(value, kind):
            raise _wrong(value, where, f"{article} {kind.__name__}")
        _parts(value, where, checks)

    return check


def _data(value: Any, where: str) -> None:
    _a(Data, DATA)(value, where)
    if value.external is not None:
        _data(value.external, f"{where}: external")


def _one_or_several(value: Any, where: str) -> None:
    if not isinstance(value, str):
        LABELS(value, where)


PARAMETERS = _mapping(_anything, "values")
LABELS = _listed(_text, "a list of labels")
PAIRS = _listed(_listed(_text, "a pair of names", 2), "a list of pairs of names")
DATA = {"name": _text, "params": PARAMETERS, "split": _text, "labels": _mapping(_text, "classes")}
DATA |= {"fraction": _number, "noise": _number}
ARM = {"method": _text, "params": PARAMETERS, "curriculum": _text, "curriculum_params": PARAMETERS}
ARM |= {"tasks": _listed(_text, "a list of kinds of task"), "tuned": _text}
FACTOR = {"levels": _mapping(PARAMETERS, "the parameters of each level"), "control": _text}
GENERATORS = _mapping(_listed(_text, "a list of factors"), "lists of factors")
DESIGN = {"kind": _text, "generators": GENERATORS, "interactions": PAIRS}
RECIPE = dict.fromkeys(("steps", "batch_size", "points", "threads"), _whole(1)) | {"precision": _text}
RECIPE |= {"scans": _whole(0)}
LIGHT = {"recipe": _a(Recipe, RECIPE), "folds": _whole(2), "seeds": _whole(1)}
SPACES = _mapping(check_space, "spaces")
TUNING = {"trials": _whole(1), "arms": LABELS, "spaces": SPACES, "sampler": _text, "pruner": _text}
TUNING |= {"seed": _whole(0), "objectives": _listed(_text, "a list of objectives")}
STUDY = {
    "question": _text,
    "datasets": _listed(_data, "a list of Data"),
    "reference": _text,
    "arms": _mapping(_a(Arm, ARM), "arms"),
    "base": _or_none(_a(Arm, ARM)),
    "factors": _mapping(_a(Factor, FACTOR), "factors"),
    "design": _a(Design, DESIGN),
    "contrasts": PAIRS,
    "floors": LABELS,
    "again": _or_none(_text),
    "random_labels": _or_none(_a(RandomLabels, {"arm": _one_or_several, "permutations": _whole(1)})),
    "margin": _or_none(_number),
    "folds": _whole(2),
    "partitions": _whole(1),
    "seeds": _whole(1),
    "recipe": _a(Recipe, RECIPE),
    "cost": _text,
    "light": _or_none(_a(Light, LIGHT)),
    "tuning": _or_none(_a(Tuning, TUNING)),
    "missing": _text,
}
