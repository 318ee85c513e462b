"""`bench audit`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.cli.options import Json, Settings, print_json, settings
from bench.core import BenchError, plural

DUPLICATES = (
    ("exact", "pixel-exact duplicates"),
    ("near", "near duplicates (grey values correlate by {threshold:g} or more)"),
    ("mirrored", "near duplicates, with mirror images"),
)
LISTED = 10  # names listed on a terminal; --json lists all
Images = Annotated[
    list[Path] | None,
    typer.Option("--images", help="A folder of images or NIfTI volumes, one folder per class. May be repeated."),
]
SplitTable = Annotated[
    Path | None, typer.Option("--split", help="A table with the columns path and split for the images of --images.")
]
Against = Annotated[
    str | None, typer.Option("--against", help="A prepared data set of volumes that the slices may come from.")
]
Column = Annotated[str, typer.Option("--column", help="With --against: column to tabulate against the class.")]


def audit(
    names: Annotated[list[str] | None, typer.Argument(help="Prepared data sets.")] = None,
    images: Images = None,
    threshold: Annotated[float, typer.Option(help="Two images are near duplicates from this correlation on.")] = 0.98,
    sweep: Annotated[bool, typer.Option("--sweep", help="Show the components at every threshold.")] = False,
    split: SplitTable = None,
    against: Against = None,
    column: Column = "",
    folds: Annotated[int, typer.Option(help="Number of folds to test for balance.")] = 5,
    set_: Settings = None,
    as_json: Json = False,
) -> None:
    """Look for duplicates, near duplicates, unknown identities and unbalanced folds within and across data sets.

    It reports and changes nothing; the exit status is 0 whatever it finds.
    """
    from bench.data.audit import concatenate, findings
    from bench.data.audit.chosen_voxels import chosen_voxel_lines
    from bench.data.audit.shortcuts import shortcut_lines
    from bench.data.prepare.accounting import left_out_lines
    from bench.data.prepare.alike_policy import alike_line

    if not names and not images:
        raise BenchError("name a prepared data set or give --images FOLDER")
    if not 0.9 <= threshold <= 1:
        raise BenchError(
            f"--threshold lies between 0.9 and 1, not {threshold}: below 0.9 all images count as duplicates"
        )
    prepared = [_opened(name, settings(set_)) for name in names or ()]
    volumes = _volumes(against, column, prepared, images or ()) if against else None
    sets = _sets(prepared, images or (), split)
    report = findings(concatenate(sets), threshold)
    report["left_out"] = {each.name: left_out_lines(each.manifest, each.folder) for each in prepared}
    report["alike"] = {each.name: alike_line(each.manifest["alike"], each.folder) for each in prepared}
    report["overlaps"] = _overlaps([each.name for each in prepared])
    report["balance"], report["undivided"] = _balances(prepared, folds)
    report["shortcuts"] = {each.name: [*shortcut_lines(each), *chosen_voxel_lines(each)] for each in prepared}
    if volumes:
        report["origin"] = _origin(images[0], report["heads"]["groups"], volumes, column)
    if as_json:
        return print_json(report)
    return _print(Console(), report, sweep)


def _opened(name: str, params: dict[str, Any]) -> Any:
    from bench.data.prepare import open_prepared

    prepared = open_prepared(name, params)
    if prepared is None:
        raise BenchError(f"{name} is not prepared; run: bench prepare {shlex.quote(name)} --from FOLDER")
    return prepared


def _sets(prepared: Sequence[Any], folders: Sequence[Path], split: Path | None) -> list[Any]:
    from bench.data.audit import from_folder, from_prepared

    sets = [from_prepared(each) for each in prepared]
    titles = [folder.resolve().name for folder in folders]
    if len({*titles}) < len(titles):
        titles = [f"{folder.resolve().parent.name}/{folder.resolve().name}" for folder in folders]
    if len({*titles}) < len(titles):
        raise BenchError("two folders of --images have the same name; rename one, or give it only once")
    return sets + [from_folder(folder, title, split) for folder, title in zip(folders, titles, strict=True)]


def _overlaps(names: Sequence[str]) -> list[dict[str, str]]:
    from bench.data.audit import overlap

    pairs = [(first, second) for at, first in enumerate(names) for second in names[at + 1 :]]
    return [{"sets": f"{one} and {two}", "reason": why} for one, two in pairs if (why := overlap(one, two))]


def _balances(prepared: Sequence[Any], folds: int) -> tuple[dict[str, list[dict[str, Any]]], dict[str, str]]:
    """The balance of the folds of each data set, and why a set cannot be divided into so many."""
    from bench.core import Split
    from bench.data.audit import balance

    tests, reasons = {}, {}
    for each in prepared:
        try:
            tests[each.name] = [asdict(test) for test in balance(each, Split(folds=folds))]
        except BenchError as error:
            tests[each.name], reasons[each.name] = [], str(error)
    return tests, reasons


def _volumes(against: str, column: str, prepared: Sequence[Any], folders: Sequence[Path]) -> Any:
    """The data set that slices may come from. BenchError if it cannot be compared with the audited images."""
    volumes = _opened(against, {})
    if prepared or len(folders) != 1 or len(volumes.shape) != 4:
        raise BenchError("--against takes a prepared data set of volumes, together with one folder of --images")
    if column and column not in volumes.covariates:
        raise BenchError(f"{against} has no column {column!r}; there are {', '.join(volumes.covariates)}")
    return volumes


def _origin(folder: Path, heads: dict[str, str], volumes: Any, column: str) -> dict[str, Any]:
    """The origin of the heads of a folder: counts, without names of people."""
    from bench.data.audit import from_folder, trace_slices

    slices = from_folder(folder, folder.resolve().name, cropped=True)
    groups = [heads[name] for name in slices.names]
    origin = trace_slices(slices.vectors, groups, volumes.images())
    labels = dict(zip(groups, slices.labels, strict=True))
    return {"against": volumes.name, **origin.summary(labels, _values(volumes, column))}


def _values(volumes: Any, column: str) -> list[str]:
    values = volumes.covariates[column] if column else [""] * len(volumes.ids)
    return ["none" if value is None else str(value) for value in values]


def _print(console: Console, report: dict[str, Any], sweep: bool) -> None:
    def show(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    _table(console, f"{report['images']} images", report["counts"])
    _print_names(show, report)
    for kind, what in DUPLICATES:
        if report[kind] is not None:
            show(_in_words(what.format(threshold=report["threshold"]), report[kind]))
    _table(console, "test images with a duplicate in training", report["held_out"])
    if report["warning"]:
        show(f"warning: {report['warning']}")
    if sweep:
        _table(console, "components over thresholds", report["sweep"])
    _print_groups(show, report)
    if report.get("origin"):
        _print_origin(console, show, report["origin"])
    _print_prepared(console, show, report)


def _print_prepared(console: Console, show: Any, report: dict[str, Any]) -> None:
    """Left-out files, people under two names, overlaps and the balance of the folds of the prepared data sets."""
    for name, lines in report["left_out"].items():
        for line in lines:
            show(f"{name}: {line}")
    for name, line in report["alike"].items():
        show(f"{name}: {line}")
    for each in report["overlaps"]:
        show(f"{each['sets']} must not test each other: {each['reason']}")
    for name, tests in report["balance"].items():
        rows = [{key: test[key] for key in ("column", "test", "statistic", "p", "holm")} for test in tests]
        _table(console, f"balance of the folds of {name}", rows)
    for name, lines in report["shortcuts"].items():
        for line in lines:
            show(f"warning: {name}: {line}")
    for name, reason in report["undivided"].items():
        show(f"balance of the folds of {name}: not tested: {reason}")


def _print_names(show: Any, report: dict[str, Any]) -> None:
    for kind, what in (("broken", "cannot be used"), ("odd", "unusual")):
        for name, reason in report[kind][:LISTED]:
            show(f"{what}: {name}: {reason}")
        if len(report[kind]) > LISTED:
            show(f"{what}: {len(report[kind]) - LISTED} more; --json lists them")


def _in_words(what: str, duplicates: dict[str, Any]) -> str:
    if not duplicates["groups"]:
        return f"{what}: none"
    across = ", ".join(f"{duplicates[f'across_{key}']} across {key}" for key in ("parts", "classes", "sets"))
    groups = plural(duplicates["groups"], "group")
    size = f"{duplicates['images']} images in {groups}, the largest of {duplicates['largest']}"
    redundant = f"{duplicates['redundant']} {'is' if duplicates['redundant'] == 1 else 'are'} redundant"
    return f"{what}: {size}; {redundant}; {across}"


def _print_groups(show: Any, report: dict[str, Any]) -> None:
    astride, heads = report["astride"], report["heads"]
    if heads is None:
        crossing = f"{len(astride['parts'])} across the publisher's split, {len(astride['classes'])} in several classes"
        show(f"groups (people, unless the data set names others): {astride['groups']}; {crossing}")
        return
    if heads["lowest"] is None:
        show(
            "people behind the images: not recovered from the pixels; the images do not fall into clear groups (they "
            "are few, or one of each person). If people have several images, name the person of each in the data set"
        )
        return
    counts = ", ".join(f"{count} of {size}" for size, count in list(heads["slices"].items())[:LISTED])
    range_ = f"the same from {heads['lowest']:g} to {heads['highest']:g}, agreement {heads['agreement']:.3f}"
    show(
        f"people behind the images: {heads['heads']} heads ({'sure' if heads['sure'] else 'not sure'}: {range_}); "
        f"slices: {counts}"
    )
    show(f"heads in several classes: {heads['conflicting_labels']}; across parts: {heads['across_parts']}")


def _print_origin(console: Console, show: Any, origin: dict[str, Any]) -> None:
    counts = f"{origin['traced']} of {origin['heads']} heads found, {origin['traced_mirrored']} with mirrored scans"
    show(
        f"against {origin['against']}: {counts}; similarity {origin['likeness']:.3f}, mirrored {origin['mirrored']:.3f}"
    )
    _table(console, "heads found", origin["table"])


def _table(console: Console, title: str, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in rows[0]:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row.values()))
    console.print(table)


COMMAND = audit
PANEL = "Data sets"
