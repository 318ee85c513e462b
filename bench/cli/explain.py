"""`bench explain`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.cli.options import Json, print_json
from bench.core import BenchError

TITLES = {
    "auc": "plane: AUC",
    "pointing": "plane: pointing game",
    "dice": "plane: Dice",
    "iou": "plane: IoU",
    "depth": "depth: correlation",
    "whole": "volume: AUC",
    "whole_pointing": "volume: pointing game",
    "whole_dice": "volume: Dice",
    "whole_iou": "volume: IoU",
}


def attach(app: typer.Typer) -> None:
    """Give the command of this file to the application."""
    app.command("explain")(explain)


def explain(
    key: Annotated[str, typer.Argument(help="Key of a trial whose weights were kept.")] = "",
    study: Annotated[str, typer.Option("--study", help="Instead of a key: a study that was run,")] = "",
    arm: Annotated[str, typer.Option("--arm", help="one of its arms,")] = "",
    fold: Annotated[int, typer.Option("--fold", help="and a fold.")] = 0,
    by: Annotated[
        str, typer.Option("--by", help="gradient, integrated_gradients, grad_cam or occlusion (slow in 3D).")
    ] = "gradient",
    back: Annotated[str, typer.Option("--back", help="To the volume by weights, or by contribution.")] = "weights",
    scans: Annotated[int, typer.Option("--scans", min=1, help="Test scans to look at.")] = 8,
    seeds: Annotated[int, typer.Option("--untrained", min=0, help="Untrained networks to compare with.")] = 8,
    layer: Annotated[str, typer.Option("--layer", help="Of Grad-CAM; the last convolution where omitted.")] = "",
    check: Annotated[
        bool, typer.Option("--randomise/--no-randomise", help="Draw the network's layers anew, part by part.")
    ] = True,
    as_json: Json = False,
) -> None:
    """What a trained network looks at, as maps of the volume; scored where the truth is known.

    Maps are NIfTI files in the scans' own millimetres, under explain/ of the results. Of a network that reads an image
    of the volume, depth comes from how the image was made alone, so that it is scored apart from the plane.
    """
    from bench.analysis.explain.saliency_maps import SaliencyConfig
    from bench.analysis.explain.saliency_maps import explain as made
    from bench.core import paths
    from bench.report import figures
    from bench.report.figures.saliency_figure import montage
    from bench.storage.record_store import Store
    from bench.training.trained_model import load

    store = Store(paths.results_root())
    loaded = load(store, key or _key(study, arm, fold))
    folder = Path(paths.results_root()) / "explain" / loaded.record.trial.key
    entry, shown = made(loaded, folder, scans, SaliencyConfig(by, back, layer), seeds, check)
    (folder / "scores.json").write_text(json.dumps(entry, indent=1) + "\n", encoding="utf-8")
    figures.save(montage(shown), folder, "maps")
    if as_json:
        print_json({**entry, "folder": str(folder)})
        return
    _show(entry, folder, Console())


def _key(study: str, arm: str, fold: int) -> str:
    """The key of the first seed of an arm of a study. BenchError where there is no such thing."""
    from bench.experiments import plan

    if not study or not arm:
        raise BenchError("name a trial by its key, or by --study and --arm")
    cells = [cell for cell in plan.read(study)["cells"] if cell["role"] == "arm"]
    arms = list(dict.fromkeys(cell["arm"] for cell in cells))
    found = [cell["key"] for cell in cells if cell["arm"] == arm and cell["fold"] == fold]
    if not found:
        raise BenchError(f"the study {study} has no arm {arm!r} with a fold {fold}; its arms: {', '.join(arms)}")
    return found[0]


def _show(entry: dict[str, Any], folder: Path, console: Console) -> None:
    from bench.report.tables.number_format import between, number

    head = f"{entry['method']} on {entry['data']}, {entry['scans']} test scans, by {entry['by']}"
    console.print(head, highlight=False)
    _show_layers(entry["layers drawn anew"], console)
    if "trained" not in entry:
        console.print(f"{entry['note']}\nmaps: {folder}", highlight=False, soft_wrap=True)
        return
    table = Table("score", "trained", "95 %", "untrained", "95 %", "chance", box=None, pad_edge=False)
    for name, title in TITLES.items():
        row = [title]
        for kind in ("trained", "untrained"):
            mean, low, high = (entry[kind] or {}).get(name, [float("nan")] * 3)
            row += [number(mean, 3), escape(between(low, high, 3))]
        table.add_row(*row, number(entry["chance"][name], 3))
    console.print(table)
    console.print("Dice and IoU: of the truth and as many of the highest places", highlight=False)
    verdict = "lies above chance" if entry["hits"] else "is not shown to lie above chance"
    place = "over the volume" if entry["judged by"] == "whole" else "in the plane"
    console.print(f"{place} the trained network's saliency {verdict}", highlight=False)
    console.print(f"maps: {folder}", highlight=False, soft_wrap=True)


def _show_layers(rows: list[dict[str, Any]], console: Console) -> None:
    from bench.report.tables.number_format import number

    if not rows:
        return
    table = Table("drawn anew, from the answer down", "with all above", "alone", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["layer"] or "(the network)", *(number(row[name], 2) for name in ("cascading", "independent")))
    console.print("how alike maps remain (rank correlation, 1: the saliency shows the scan and not the network)")
    console.print(table)
