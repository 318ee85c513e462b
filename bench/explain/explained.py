"""A trained network explained: maps of some scans, and their scores, where truth is known, beside those of chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from bench.explain import saliency as saliencies
from bench.explain import volumes
from bench.explain.scoring import Hit, head_of, hit, interval
from bench.kept import Loaded

SCORES = ("auc", "pointing", "depth", "whole")


@dataclass(frozen=True)
class Maps:
    """The maps of some scans of the test part."""

    rows: np.ndarray
    planes: Sequence[np.ndarray]  # (rows, columns), the saliency on the image
    volumes: Sequence[np.ndarray]  # (D, H, W), carried back
    hits: Sequence[Hit]  # against the truth; none where nobody knows it


@dataclass(frozen=True)
class Shown:
    """A scan with its map: what a figure is drawn of. axis: that the image was pooled along."""

    image: np.ndarray  # (D, H, W)
    map: np.ndarray  # (D, H, W)
    truth: np.ndarray | None  # (D, H, W) in [0, 1]
    axis: int


def maps(loaded: Loaded, count: int, by: str, back: str, model: nn.Module | None = None) -> Maps:
    """Maps of the first `count` test scans by the trained network, or by another one of its kind."""
    network, view, prepared = model or loaded.model, loaded.scene.view, loaded.scene.prepared
    rows, x = loaded.scans(count)
    images, truth = prepared.images(), prepared.truth()
    found = []
    for some in np.array_split(np.arange(len(rows)), max(1, -(-len(rows) // 4))):
        found += list(saliencies.saliency(network, x[some], prepared.task, by))
    carried = [
        volumes.volume_of(view, each, np.asarray(images[row]), back, network)
        for each, row in zip(found, rows, strict=True)
    ]
    planes = [volumes.plane_of(view, each, volume) for each, volume in zip(found, carried, strict=True)]
    hits = [] if truth is None else [
        hit(plane, volume, np.asarray(truth), head_of(np.asarray(images[row])), volumes.axis_of(view))
        for plane, volume, row in zip(planes, carried, rows, strict=True)
    ]  # fmt: skip
    return Maps(rows, planes, carried, hits)


def constant(loaded: Loaded, count: int, back: str) -> list[Hit]:
    """What a saliency that is the same everywhere scores: chance, with the depth that the weights have anyway."""
    prepared, view = loaded.scene.prepared, loaded.scene.view
    if prepared.truth() is None:
        return []
    even = np.ones(loaded.scene.shape)
    found = []
    for row in loaded.scene.fold.test[:count]:
        image = np.asarray(prepared.images()[row])
        volume = volumes.volume_of(view, even, image, back, loaded.model)
        plane, head = volumes.plane_of(view, even, volume), head_of(image)
        found.append(hit(plane, volume, np.asarray(prepared.truth()), head, volumes.axis_of(view)))
    return found


def told(hits: Sequence[Hit]) -> dict[str, list[float]]:
    """Mean and 95 % bootstrap interval over scans of every score."""
    return {name: list(interval(np.array([getattr(each, name) for each in hits]))) for name in SCORES}


def explain(
    loaded: Loaded, folder: Path, count: int, by: str, back: str, seeds: int
) -> tuple[dict[str, Any], list[Shown]]:
    """Write the maps of some test scans to `folder`; returns what they score, and what a figure shows of them.

    by: one of `saliency.WAYS`. back: one of `views.back.WAYS`. seeds: untrained networks that are scored beside.
    """
    volumes.check(loaded.scene.view, tuple(loaded.scene.prepared.shape))
    prepared, made = loaded.scene.prepared, maps(loaded, count, by, back)
    for number, (row, volume) in enumerate(zip(made.rows, made.volumes, strict=True)):
        volumes.write_nifti(folder / f"scan-{number:03d}.nii.gz", volume, prepared.affine(int(row)))
    shown = _shown(loaded, made)
    entry = {
        "trial": loaded.record.trial.key,
        "data": prepared.name,
        "method": loaded.record.trial.method.name,
        "by": by,
        "back": back,
        "scans": len(made.rows),
    }
    if not made.hits:
        return {**entry, "note": "nobody knows where the signal of real scans lies: maps, and no scores"}, shown
    scored = _judged(made.hits, constant(loaded, count, back), _untrained(loaded, count, by, back, seeds))
    return {**entry, **scored}, shown


def _shown(loaded: Loaded, made: Maps, most: int = 4) -> list[Shown]:
    prepared = loaded.scene.prepared
    truth = prepared.truth()
    axis = volumes.axis_of(loaded.scene.view)
    return [
        Shown(np.asarray(prepared.images()[row])[0], volume, None if truth is None else np.asarray(truth), axis)
        for row, volume in zip(made.rows[:most], made.volumes, strict=False)
    ]


def _untrained(loaded: Loaded, count: int, by: str, back: str, seeds: int) -> list[list[Hit]]:
    """The hits of some untrained networks of the same kind, network by network."""
    return [list(maps(loaded, count, by, back, loaded.fresh(seed)).hits) for seed in range(seeds)]


def _judged(hits: Sequence[Hit], even: Sequence[Hit], untrained: Sequence[Sequence[Hit]]) -> dict[str, Any]:
    """What the hits of the trained network amount to, beside chance and beside untrained weights.

    The network hits where the lower bound of its area in the plane, over scans, lies above chance. Untrained networks
    fall to chance where the 95 % interval of theirs, a t interval over networks, does not lie above it: their scans
    share a network, so that scans are not what is counted.
    """
    trained = told(hits)
    chance = {name: values[0] for name, values in told(even).items()}
    random = {name: _over_networks([[getattr(one, name) for one in each] for each in untrained]) for name in SCORES}
    lower = random["auc"][1]
    return {
        "trained": trained,
        "chance": chance,
        "untrained": random if untrained else {},
        "hits": bool(trained["auc"][1] > chance["auc"]),
        "falls to chance": bool(lower <= chance["auc"]) if np.isfinite(lower) else None,
        "each": [asdict(one) for one in hits],
    }


def _over_networks(values: Sequence[Sequence[float]]) -> list[float]:
    """Mean over networks of their mean over scans, with its 95 % t interval; NaN for fewer than two networks."""
    from scipy import stats

    means = np.array([np.nanmean(each) if np.isfinite(each).any() else np.nan for each in map(np.asarray, values)])
    means = means[np.isfinite(means)]
    if len(means) < 2:
        return [float(means.mean()) if len(means) else float("nan"), float("nan"), float("nan")]
    reach = float(stats.t.ppf(0.975, len(means) - 1) * means.std(ddof=1) / len(means) ** 0.5)
    return [float(means.mean()), float(means.mean()) - reach, float(means.mean()) + reach]
