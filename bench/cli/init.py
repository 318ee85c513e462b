"""`bench init`: from a folder of scans to the file of its data set."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from bench import registry
from bench.cli.plugin_writing import check_name, new_plugin
from bench.core import BenchError, paths


def init(
    folder: Annotated[Path, typer.Argument(help="Folder of scans: BIDS, CAPS, or a folder for each class.")],
    name: Annotated[str, typer.Option("--name", help="Name of the data set. Default: that of the folder.")] = "",
    target: Annotated[str, typer.Option("--target", help="Column of the tables to predict, for BIDS and CAPS.")] = "",
    suffix: Annotated[
        str, typer.Option("--suffix", help="Suffix of the images, for BIDS and CAPS. Default: T1w.")
    ] = "",
) -> None:
    """Look at a folder of scans, and write the file of its data set into `plugins`: classes, shape, voxel size.

    Only tables and headers are read. Check the file before you prepare the scans: it says what the folder did not.
    """
    from bench.data.folder_survey import survey_folder

    folder = paths.expand(folder)
    name = name or _name_of(folder)
    check_name("datasets", name)
    survey = survey_folder(folder, target, suffix)
    for line in survey.found:
        print(f"found: {line}")
    for known, count in _readers(folder):
        print(f"found: the data set {known} of this package reads {count} scans of it as it is: bench prepare {known}")
    title = survey.found[0].replace('"', "'")
    path = new_plugin("datasets", name, f"{survey.template}_dataset", {
        "title": title, "about": "Written by `bench init` from what the files say; correct what is wrong.",
        **survey.values,
    })  # fmt: skip
    for line in survey.unknown:
        print(f"check: {line}")
    print(f"written: {path}; write its source, licence and citation into it")
    print(f"it lists: {_listed(name, folder)}")
    print(f"next: bench prepare {name} --from {shlex.quote(str(folder))}")
    print(f"next: bench new study {name}_study --dataset {name}")


def _name_of(folder: Path) -> str:
    """A name of a module from that of the folder."""
    word = re.sub(r"[^a-z0-9]+", "_", folder.resolve().name.lower()).strip("_")
    return word if word[:1].isalpha() else f"scans_{word}".rstrip("_")


def _readers(folder: Path) -> Iterator[tuple[str, int]]:
    """Data sets of this package, and of plug-ins, that read the folder, with the number of scans that they list."""
    for name in registry.names("datasets"):
        if registry.member("datasets", name).phantom:
            continue
        try:
            count = len(registry.make("datasets", name).samples(folder))
        except Exception:  # the folder is not that set's; a reader of a plug-in can raise any error
            continue
        if count:
            yield name, count


def _listed(name: str, folder: Path) -> str:
    """What the new file lists of the folder. BenchError with what is to be corrected."""
    try:
        dataset = registry.make("datasets", name)
        samples = dataset.samples(folder)
    except BenchError as error:
        raise BenchError(f"the file was written, but it cannot list the scans yet: {error}") from error
    people = len({sample.group for sample in samples})
    return f"{len(samples)} scans of {people} groups{_counts(dataset, samples)}"


def _counts(dataset: Any, samples: Sequence[Any]) -> str:
    """Scans by class: `: control: 12, patient: 11`."""
    if dataset.task.kind != "classification":
        return ""
    counts = Counter(int(sample.target) for sample in samples)
    return ": " + ", ".join(f"{label} {counts[index]}" for index, label in enumerate(dataset.task.classes))


COMMAND = init
PANEL = "Data sets"
