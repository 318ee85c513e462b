"""A plug-in may define and call a method of `Method` under its deprecated name, under its new name, or under both."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from bench import method as methods
from bench.core import Task
from bench.method import RENAMED, Method
from bench.views import Volume

TASK = Task("classification", "auc", ("a", "b"))
ARGUMENTS = {"told": None, "shown": TASK, "on": (4.0, 4.0, 4.0), "watch": None, "remark": (1, 6, 6, 6)}
PAIRS = list(RENAMED.items())


class Plain(Method):
    family = "3d"

    def build(self, task, shape):
        raise NotImplementedError


def define(name: str, base: type = Plain, calls: str = "", add: str = "own") -> type:
    """A subclass of `base` whose method `name` gives (add, what `calls` of the base class gives)."""

    def body(self, argument):
        return (add, getattr(super(made, self), calls)(argument) if calls else None)

    made = dataclass(frozen=True, kw_only=True)(type("Made", (base,), {name: body, "__annotations__": {}}))
    return made


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_the_harness_calls_an_override_of_the_old_name(old, new):
    assert getattr(define(old)(), new)(ARGUMENTS[old])[0] == "own"


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_the_old_name_calls_an_override_of_the_new_name(old, new):
    assert getattr(define(new)(), old)(ARGUMENTS[old])[0] == "own"


@pytest.mark.parametrize("calls", ["old", "new"])
@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_an_override_of_the_old_name_reaches_the_default_under_either_name(old, new, calls):
    made = define(old, calls={"old": old, "new": new}[calls])()
    default = getattr(made, new)(ARGUMENTS[old])[1]
    expected = {"told": {}, "shown": Volume(), "on": made, "watch": {}, "remark": ""}
    assert default == expected[old]


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_overrides_under_both_names_in_turn_call_each_other(old, new):
    oldest = define(old, add="first")
    between = define(new, oldest, calls=new, add="second")
    last = define(old, between, calls=old, add="third")
    assert getattr(last(), new)(ARGUMENTS[old]) == ("third", ("second", ("first", None)))


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_an_old_name_is_found_on_a_class_that_is_not_a_method(old, new):
    beside = type("Beside", (), {old: lambda self, argument: "beside"})
    mixed = dataclass(frozen=True, kw_only=True)(type("Mixed", (beside, Plain), {"__annotations__": {}}))
    assert getattr(mixed(), new)(ARGUMENTS[old]) == "beside"


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_a_class_that_defines_both_names_keeps_both(old, new):
    both = type("Both", (Plain,), {old: lambda self, argument: "old", new: lambda self, argument: "new"})
    assert (getattr(both(), old)(ARGUMENTS[old]), getattr(both(), new)(ARGUMENTS[old])) == ("old", "new")


def test_a_method_without_a_note_of_its_own_keeps_the_default_under_both_names():
    assert Plain.note is Method.note is Plain.remark
    assert define("remark").note is not Method.note  # as planning asks, before it computes the shape


def test_the_old_functions_are_the_new_ones():
    assert methods.unfit is methods.why_unsupported
    assert methods.overheard is methods.capture_outputs
