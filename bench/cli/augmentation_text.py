"""What `bench describe` prints of augmentations: the policies and transforms that `augment` may name."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.core import plain
from bench.method.augmentation_policies import ABOUT_POLICIES, POLICIES, TRANSFORMS, transforms_of

ALL = "augment"  # the name under which all of them are described
USE = "Combine names with +: augment=light+mixup, augment=flip+noise. More in the guide: bench guide augmentation."


def augmentation_names() -> list[str]:
    """The names that this file describes."""
    return [ALL, *POLICIES, *TRANSFORMS]


def describe_augmentation_name(name: str) -> dict[str, Any]:
    """A policy, a transform, or all of them, as JSON."""
    entry: dict[str, Any] = {"name": name, "kind": "augmentation"}
    if name != ALL:
        entry["about"] = ABOUT_POLICIES.get(name) or f"A single transform: {TRANSFORMS[name].meaning}."
        return entry | {"transforms": [plain(each) for each in transforms_of(name)]}
    policies = {each: {"about": about, "transforms": plain(POLICIES[each])} for each, about in ABOUT_POLICIES.items()}
    return entry | {"policies": policies, "transforms": [plain(each) for each in TRANSFORMS.values()]}


def print_augmentation(console: Console, name: str) -> None:
    """A policy or transform with probabilities and ranges; or a table of all."""
    if name == ALL:
        console.print("Random changes of the training scans; tested scans are never changed.")
        _print_policies(console)
        console.print(_table(list(TRANSFORMS.values())))
    else:
        console.print(f"[bold]{name}[/] ({'policy' if name in POLICIES else 'transform'} of augment)")
        console.print(escape(describe_augmentation_name(name)["about"]))
        console.print(_table(list(transforms_of(name))))
    console.print(escape(USE))


def _print_policies(console: Console) -> None:
    table = Table("policy", "what it is", "transforms", box=None, pad_edge=False)
    for name, about in ABOUT_POLICIES.items():
        labels = ", ".join(f"{each.label} {each.probability:.3g}" for each in POLICIES[name]) or "none"
        table.add_row(name, escape(about), labels)
    console.print(table)


def _table(transforms: list[Any]) -> Table:
    table = Table("transform", "probability", "ranges", "meaning", box=None, pad_edge=False)
    for each in transforms:
        ranges = ", ".join(f"{name} {low:g} to {high:g}" for name, (low, high) in each.strength.items())
        table.add_row(each.label, f"{each.probability:.3g}", ranges, escape(each.meaning))
    return table
