"""Settings that change what a study fixes, as `bench run --set` and `bench.run(settings=...)` take them.

`steps=1000` changes the study, `DCL-SE.lr=0.01` a parameter of one arm, `phantom_ad.effect=0` one of a data set, and
`base.width=8` one of the arm that the factors of an ablation vary. A changed study is another study: it has a name, and
so a folder of results, of its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from bench import registry
from bench.core import Arm, BenchError, Data, Recipe, Study, canonical, plain
from bench.core.parameters import construct, did_you_mean

LONGEST = 100  # letters of what a name says of the settings
BASE = "base"


@dataclass(frozen=True)
class StudyNumbers:
    """The numbers of a study that can be set, beside those of its recipe; the values give their types."""

    folds: int = 1
    partitions: int = 1
    seeds: int = 1
    permutations: int = 1  # of the control with random labels
    margin: float = 0.0  # of equivalence


NUMBERS = tuple(each.name for each in fields(StudyNumbers))
RECIPE = tuple(each.name for each in fields(Recipe))
SETTABLE = (*NUMBERS, *RECIPE)


@dataclass(frozen=True)
class Change:
    """A setting that changes a study."""

    key: str
    value: str
    before: str

    @property
    def words(self) -> str:
        """`steps=1000`."""
        return f"{self.key}={self.value}"


@dataclass(frozen=True)
class ChangedStudy:
    """A study with its settings, and those of them that changed it."""

    study: Study
    changes: Sequence[Change] = ()
    same: Sequence[str] = ()  # settings that are the study's own

    def name(self, study: str) -> str:
        """The name of the folder of results: `oasis_ad-with-steps=1000`."""
        return f"{study}-with-{_safe(','.join(each.words for each in self.changes))}" if self.changes else study

    def notes(self, study: str) -> list[str]:
        """What readers should know: that it is another study, and which settings change nothing."""
        notes = [f"{words} changes nothing: {study} has that value itself" for words in self.same]
        if not self.changes:
            return notes
        words = ", ".join(f"{each.words} (instead of {each.before})" for each in self.changes)
        return [f"this is another study: {study} with {words}; it has results of its own", *notes]


def parse_settings(texts: Iterable[str]) -> dict[str, str]:
    """Key -> value of `KEY=VALUE` texts. Double quotes, as in `"dgm=off".lr=1`, protect a = of a label.

    BenchError for a text without a sign or a key, and for a key that is given twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        match = re.fullmatch(r'((?:"[^"]*"|[^="])+)=(.*)', text, re.DOTALL)
        key = match[1].replace('"', "").strip() if match else ""
        if not key:
            raise BenchError(f"--set takes KEY=VALUE, such as steps=1000, not {text!r}")
        if key in found:
            raise BenchError(f"--set gives {key} more than once; give each key one value")
        found[key] = match[2].strip()
    return found


def setting_text(key: str, value: Any) -> str:
    """The text of a setting, which `parse_settings` reads."""
    return f'"{key}"={value}' if "=" in key else f"{key}={value}"


def change_study(study: Study, settings: Mapping[str, Any]) -> ChangedStudy:
    """The study with these settings, in the order of their keys. BenchError for an unknown key or a wrong value."""
    changes, same = [], []
    for key, value in sorted(settings.items()):
        study, before, after = _setter(study, key)(study, key, value)
        if before == after:
            same.append(f"{key}={_words(after)}")
        else:
            changes.append(Change(key, _words(after), _words(before)))
    if any(each.key in SETTABLE for each in changes):
        study = replace(study, cost="")  # it was measured with other numbers
    return ChangedStudy(study, changes, same)


def _setter(study: Study, key: str) -> Callable[[Study, str, Any], tuple[Study, Any, Any]]:
    """The function that sets a key: it returns the study, and the value before and after."""
    if key in RECIPE:
        return _set_recipe
    if key in NUMBERS:
        return _set_number
    if _owner(key, study.arms):
        return _set_arm
    if study.base is not None and key.startswith(f"{BASE}."):
        return _set_base
    if _owner(key, [each.where for each in study.datasets]):
        return _set_data
    raise _unknown(study, key)


def _owner(key: str, names: Iterable[str]) -> str:
    """The longest of the names that a key begins with, followed by a dot and a parameter; else empty."""
    return max((name for name in names if key.startswith(f"{name}.") and key != f"{name}."), key=len, default="")


def _unknown(study: Study, key: str) -> BenchError:
    """The error for a key that sets nothing, with the nearest name."""
    combined = list(study.combinations())
    owner = _owner(key, combined)
    if owner:
        return BenchError(
            f"--set {key}: the arm {owner!r} is a combination of factors; {BASE}.{key[len(owner) + 1 :]} sets the"
            " parameter of all of them"
        )
    owner, dot, _ = key.rpartition(".")
    if not dot:
        return BenchError(
            f"--set {key}: a study has no {key!r} (ARM.NAME sets a parameter of an arm, DATASET.NAME one of a data"
            f" set); {did_you_mean(key, SETTABLE)}"
        )
    owners = [*study.arms, *([BASE] if study.base else []), *(each.where for each in study.datasets)]
    near = did_you_mean(key.partition(".")[0] if owner not in owners else owner, owners)
    return BenchError(f"--set {key}: the study has no arm or data set {owner!r}; {near}")


def _set_recipe(study: Study, key: str, value: Any) -> tuple[Study, Any, Any]:
    """Also of the light form, which replaces the recipe on phantoms."""
    after = _made(Recipe, {key: value}, key)
    light = study.light and replace(study.light, recipe=replace(study.light.recipe, **{key: after}))
    before = getattr(study.recipe, key)
    if light != study.light and before == after:
        before = getattr(study.light.recipe, key)
    return replace(study, recipe=replace(study.recipe, **{key: after}), light=light), before, after


def _set_number(study: Study, key: str, value: Any) -> tuple[Study, Any, Any]:
    after = _made(StudyNumbers, {key: value}, key)
    if key == "permutations":
        if study.random_labels is None:
            raise BenchError(f"--set {key}: the study has no control with random labels")
        before = study.random_labels.permutations
        return replace(study, random_labels=replace(study.random_labels, permutations=after)), before, after
    before, light = getattr(study, key), study.light
    if light is not None and hasattr(light, key):
        light = replace(light, **{key: after})
        before = getattr(study.light, key) if before == after else before
    return replace(study, **{key: after}, light=light), before, after


def _set_arm(study: Study, key: str, value: Any) -> tuple[Study, Any, Any]:
    label = _owner(key, study.arms)
    arm, before, after = _with_parameter(study.arms[label], key[len(label) + 1 :], value, key)
    return replace(study, arms={**study.arms, label: arm}), before, after


def _set_base(study: Study, key: str, value: Any) -> tuple[Study, Any, Any]:
    name = key[len(BASE) + 1 :]
    for factor, each in study.factors.items():
        if any(name in params for params in each.levels.values()):
            raise BenchError(f"--set {key}: the factor {factor!r} sets {name}; set another parameter")
    base, before, after = _with_parameter(study.base, name, value, key)
    return replace(study, base=base), before, after


def _set_data(study: Study, key: str, value: Any) -> tuple[Study, Any, Any]:
    """Of all divisions of the data set: two of them with different parameters cannot be compared."""
    label = _owner(key, [each.where for each in study.datasets])
    own = next(each for each in study.datasets if each.where == label)
    name, datasets, values = key[len(label) + 1 :], [], ()
    for each in study.datasets:
        if (each.name, each.params) != (own.name, own.params):
            datasets.append(each)
            continue
        changed, *values = _with_parameter(each, name, value, key)
        datasets.append(changed)
    return replace(study, datasets=datasets), *values


def _with_parameter(owner: Arm | Data, name: str, value: Any, key: str) -> tuple[Any, Any, Any]:
    """The arm or data with a parameter, and the parameter before and after."""
    kind, member = ("methods", owner.method) if isinstance(owner, Arm) else ("datasets", owner.name)
    kept = {each: old for each, old in owner.params.items() if each != name and not each.startswith(f"{name}.")}
    changed = replace(owner, params={**kept, name: value})
    try:
        before, after = (registry.spec(kind, member, each.params).params for each in (owner, changed))
    except BenchError as error:
        raise BenchError(f"--set {key}: {error}") from error
    return changed, _at(before, name), _at(after, name)


def _at(params: Mapping[str, Any], name: str) -> Any:
    """The value of `view` or of its part `view.plane`."""
    value: Any = params
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _made(cls: type, values: Mapping[str, Any], key: str) -> Any:
    """The value of a field in its type. BenchError if it is of another type, or not allowed."""
    return getattr(construct(cls, values, "--set"), key)


def _words(value: Any) -> str:
    """A value as a person writes it."""
    return value if isinstance(value, str) else "none" if value is None else canonical(plain(value)).strip('"')


def _safe(text: str) -> str:
    """Words as a part of the name of a folder; a checksum keeps apart what would look the same."""
    name = re.sub(r"[^\w.=+,-]+", "_", text, flags=re.ASCII)[:LONGEST]
    return name if name == text else f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
