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

BY = "gradient, smoothgrad, integrated_gradients, grad_cam, occlusion or regions (both slow in 3D)."


def explain(
    key: Annotated[str, typer.Argument(help="Key of a trial with saved weights.")] = "",
    study: Annotated[str, typer.Option("--study", help="Instead of a key: a study that was run.")] = "",
    arm: Annotated[str, typer.Option("--arm", help="With --study: one of its arms.")] = "",
    fold: Annotated[int, typer.Option("--fold", help="With --study: a fold, from 0.")] = 0,
    by: Annotated[str, typer.Option("--by", help=BY)] = "gradient",
    back: Annotated[
        str, typer.Option("--back", help="Back-projection to the volume: weights or contribution.")
    ] = "weights",
    scans: Annotated[int, typer.Option("--scans", min=1, help="Number of test scans.")] = 8,
    seeds: Annotated[int, typer.Option("--untrained", min=0, help="Number of untrained networks to compare with.")] = 8,
    layer: Annotated[str, typer.Option("--layer", help="Layer for Grad-CAM. Default: the last convolution.")] = "",
    check: Annotated[
        bool,
        typer.Option("--randomise/--no-randomise", help="Compare with networks of randomised layers."),
    ] = True,
    as_json: Json = False,
) -> None:
    """Draw saliency maps of a trained network, and score them if the true location is known.

    The maps are NIfTI files in the scans' own millimetres, under explain/ in the results. If the network reads an
    image of the volume, depth comes only from how the image was made, so it is scored separately from the plane.
    """
    key = _finished(key or _key(study, arm, fold))  # a wrong key is refused before torch is imported
    from bench.analysis.explain.saliency_maps import SaliencyConfig
    from bench.analysis.explain.saliency_maps import explain as explain_trial
    from bench.core import paths
    from bench.report.figures.saliency_montage import draw_montage
    from bench.report.figures.style import save_figure
    from bench.storage.record_store import Store
    from bench.training.trained_model import load

    store = Store(paths.results_root())
    loaded = load(store, key)
    folder = Path(paths.results_root()) / "explain" / loaded.record.trial.key
    entry, panels = explain_trial(loaded, folder, scans, SaliencyConfig(by, back, layer), seeds, check)
    (folder / "scores.json").write_text(json.dumps(entry, indent=1) + "\n", encoding="utf-8")
    save_figure(draw_montage(panels), folder, "maps")
    if as_json:
        print_json({**entry, "folder": str(folder)})
        return
    _show(entry, folder, Console())


def _finished(key: str) -> str:
    """The key, if its trial is finished and has weights; else BenchError."""
    from bench.core import paths
    from bench.storage.finished_trial import finished_record
    from bench.storage.record_store import Store

    return finished_record(Store(paths.results_root()), key).trial.key


def _key(study: str, arm: str, fold: int) -> str:
    """The key of the first seed of an arm and fold of a study. BenchError if there is none."""
    from bench.experiments import plan

    if not study or not arm:
        raise BenchError("give the key of a trial, or --study and --arm")
    cells = [cell for cell in plan.read(study).cells if cell.role == "arm"]
    arms = list(dict.fromkeys(cell.arm for cell in cells))
    keys = [cell.key for cell in cells if cell.arm == arm and cell.fold == fold]
    if not keys:
        raise BenchError(f"the study {study} has no arm {arm!r} with a fold {fold}; its arms: {', '.join(arms)}")
    return keys[0]


def _show(entry: dict[str, Any], folder: Path, console: Console) -> None:
    from bench.report.tables.number_format import between, number

    head = f"{entry['method']} on {entry['data']}: {entry['scans']} test scans, {entry['by']}"
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
    console.print("Dice and IoU compare the true voxels with as many of the highest voxels of the map", highlight=False)
    verdict = "lies above chance" if entry["hits"] else "is not shown to lie above chance"
    place = "over the volume" if entry["judged by"] == "whole" else "in the plane"
    console.print(f"{place} the trained network's saliency {verdict}", highlight=False)
    console.print(f"maps: {folder}", highlight=False, soft_wrap=True)


def _show_layers(rows: list[dict[str, Any]], console: Console) -> None:
    from bench.report.tables.number_format import number

    if not rows:
        return
    table = Table("randomised layer, from the output", "with all above", "alone", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["layer"] or "(the network)", *(number(row[name], 2) for name in ("cascading", "independent")))
    console.print("similarity of maps before and after (rank correlation; 1: the map shows the scan, not the network)")
    console.print(table)


COMMAND = explain
PANEL = "Results"
