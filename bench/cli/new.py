"""`bench new`: the file of a study, a method or a data set, to be filled in."""

from __future__ import annotations

from typing import Annotated

import typer

from bench import registry
from bench.cli.plugin_writing import new_plugin
from bench.core import BenchError

KINDS = {"study": "studies", "method": "methods", "dataset": "datasets"}
CLINIC = {
    "title": "Our scans: patients against controls",
    "about": "T1 scans on a 2 mm grid, skull-stripped. Write here what the scans are and who the people are.",
    "constants": 'CLASSES = ("control", "patient")  # in the order of the class indices\n',
    "layout": "BIDS: participants.tsv with age and group, sub-*/anat/*_T1w.nii.gz",
    "task": 'Task("classification", "auc", CLASSES)',
    "shape": "(1, 91, 109, 91)",
    "spacing": "(2.0, 2.0, 2.0)",
    "columns": '("group", "age")',
    "suffix": "T1w",
    "selection": (
        '        labels = [(row, row.label("group", CLASSES)) for row in rows]  # an unknown label is an error\n'
        '        return [row.sample(label, row.text("group"), ("age",)) for row, label in labels if label is not None]'
    ),
}


def new(
    kind: Annotated[str, typer.Argument(help=f"{', '.join(KINDS)}.")],
    name: Annotated[str, typer.Argument(help="Its name: the file plugins/NAME.py is written.")],
    method: Annotated[
        str, typer.Option("--method", help="For a study: the method to compare with `linear`.")
    ] = "timm2d",
    dataset: Annotated[str, typer.Option("--dataset", help="For a study: the data set.")] = "phantom_ad",
) -> None:
    """Write the file of a new study, method or data set into `plugins`. It runs as it stands; fill in your own."""
    if kind not in KINDS:
        raise BenchError(f"bench new has no {kind!r}; {registry.did_you_mean(kind, KINDS)}")
    values, after = _ABOUT[kind](name, method, dataset)
    path = new_plugin(KINDS[kind], name, "bids_dataset" if kind == "dataset" else kind, values)
    print(path)
    for line in after:
        print(f"next: {line}")


def _study(name: str, method: str, dataset: str) -> tuple[dict[str, str], list[str]]:
    registry.member("methods", method)
    registry.member("datasets", dataset)
    if method == "linear":
        raise BenchError("a new study compares --method with `linear`; name another method")
    question = f"Is {method} better than a linear model of the voxels on {dataset}?"
    return {"question": question, "method": method, "dataset": dataset}, [
        f"bench plan {name}",
        f"bench run {name} --smoke",
    ]


def _method(name: str, _method: str, _dataset: str) -> tuple[dict[str, str], list[str]]:
    return {"title": f"The method {name}"}, [
        f"bench new study {name}_study --method {name}",
        f"bench run {name}_study --smoke",
    ]


def _dataset(name: str, _method: str, _dataset: str) -> tuple[dict[str, str], list[str]]:
    return CLINIC, [f"bench prepare {name} --from FOLDER", f"bench new study {name}_study --dataset {name}"]


_ABOUT = {"study": _study, "method": _method, "dataset": _dataset}

COMMAND = new
PANEL = "Help"
