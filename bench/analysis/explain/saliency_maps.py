"""A trained network explained: maps of some scans, and their scores, where truth is known, beside those of chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from bench.analysis.explain import nifti_maps, randomisation
from bench.analysis.explain import saliency as saliencies
from bench.analysis.explain.localisation import SCORES, LocalisationScore, head_of, hit, interval
from bench.core import BenchError
from bench.training.trained_model import TrainedModel

CHECKED = 4  # scans whose maps are compared with those of layers drawn anew


@dataclass(frozen=True)
class SaliencyConfig:
    """How maps are made. by: one of `saliency.WAYS`. back: one of `views.back.WAYS`. layer: of Grad-CAM."""

    by: str = "gradient"
    back: str = "weights"
    layer: str = ""


@dataclass(frozen=True)
class Maps:
    """The maps of some scans of the test part."""

    rows: np.ndarray
    planes: Sequence[np.ndarray]  # (rows, columns), the saliency on the image
    volumes: Sequence[np.ndarray]  # (D, H, W), carried back; of images, (H, W, 1)
    hits: Sequence[LocalisationScore]  # against the truth; none where nobody knows it


@dataclass(frozen=True)
class SaliencyExample:
    """A scan with its map: what a figure is drawn of. axis: that the image was pooled along."""

    image: np.ndarray  # (D, H, W)
    map: np.ndarray  # (D, H, W)
    truth: np.ndarray | None  # (D, H, W) in [0, 1]
    axis: int  # -1: along none
    label: str = ""


def maps(loaded: TrainedModel, count: int, way: SaliencyConfig, model: nn.Module | None = None) -> Maps:
    """Maps of the first `count` test scans by the trained network, or by another one of its kind."""
    network, prepared = model or loaded.model, loaded.data.prepared
    rows, x = loaded.scans(count)
    found = []
    for some in np.array_split(np.arange(len(rows)), max(1, -(-len(rows) // 4))):
        found += list(saliencies.saliency(network, x[some], prepared.task, way.by, way.layer))
    return _carried(loaded, rows, found, way.back)


def constant(loaded: TrainedModel, count: int, back: str) -> list[LocalisationScore]:
    """What a saliency that is the same everywhere scores: chance, with the depth that the weights have anyway."""
    rows = loaded.data.fold.test[:count]
    return list(_carried(loaded, rows, [np.ones(loaded.data.shape)] * len(rows), back).hits)


def _carried(loaded: TrainedModel, rows: np.ndarray, found: Sequence[np.ndarray], back: str) -> Maps:
    """Saliencies on what the network read, carried back to the scans and scored."""
    prepared, view = loaded.data.prepared, loaded.data.view
    images, truth = prepared.images(), _truth(loaded)
    seen = nifti_maps.seen(view, tuple(prepared.shape), prepared.spacing)
    made: list[tuple[np.ndarray, np.ndarray]] = []
    hits = []
    for each, row in zip(found, rows, strict=True):
        scan = np.asarray(images[row])
        volume = nifti_maps.volume_of(view, each, scan, prepared.spacing, back)
        plane = nifti_maps.plane_of(view, each, volume)
        made.append((plane, volume))
        if truth is not None:
            head = head_of(nifti_maps.deep(scan, len(prepared.spacing)))
            hits.append(hit(plane, volume, truth, head, nifti_maps.axis_of(view), seen))
    planes, carried = zip(*made, strict=True) if made else ((), ())
    return Maps(rows, planes, carried, hits)


def _truth(loaded: TrainedModel) -> np.ndarray | None:
    """Where a phantom's signal is, (D, H, W), or (H, W, 1) of images."""
    prepared = loaded.data.prepared
    truth = prepared.truth()
    return None if truth is None else nifti_maps.deep(np.asarray(truth), len(prepared.spacing))


def explain(
    loaded: TrainedModel, folder: Path, count: int, way: SaliencyConfig, seeds: int, checked: bool = True
) -> tuple[dict[str, Any], list[SaliencyExample]]:
    """Write the maps of some test scans to `folder`; returns what they score, and what a figure shows of them.

    seeds: untrained networks that are scored beside. checked: draw the layers anew, and say how alike maps remain.
    BenchError where the network cannot be asked in this way.
    """
    if loaded.method.blind:
        raise BenchError(f"{loaded.record.trial.method.name} looks at no scan: there is nothing to show")
    prepared, made = loaded.data.prepared, maps(loaded, count, way)
    for number, (row, volume) in enumerate(zip(made.rows, made.volumes, strict=True)):
        affine = nifti_maps.affine_of(
            prepared.affine(int(row)) if len(prepared.spacing) == 3 else np.eye(4), prepared.spacing, prepared.shape
        )
        nifti_maps.write_nifti(folder / f"scan-{number:03d}.nii.gz", volume, affine)
    shown = _shown(loaded, made)
    if shown[0].label.startswith("mean"):
        for name, values in (("mean-map", shown[0].map), ("mean-scan", shown[0].image)):
            nifti_maps.write_nifti(folder / f"{name}.nii.gz", values, prepared.affine(int(made.rows[0])))
    entry = {
        "trial": loaded.record.trial.key,
        "data": prepared.name,
        "method": loaded.record.trial.method.name,
        **asdict(way),
        "scans": len(made.rows),
        "judged by": "whole" if len(loaded.data.shape) == 4 else "auc",
        "layers drawn anew": _checked(loaded, count, way) if checked else [],
    }
    if not made.hits:
        return {**entry, "note": "nobody knows where the signal of real scans lies: maps, and no scores"}, shown
    groups = [prepared.groups[row] for row in made.rows]
    untrained = [list(maps(loaded, count, way, loaded.fresh(seed)).hits) for seed in range(seeds)]
    return {
        **entry,
        **_judged(entry["judged by"], groups, made.hits, constant(loaded, count, way.back), untrained),
    }, shown


def _checked(loaded: TrainedModel, count: int, way: SaliencyConfig) -> list[dict[str, Any]]:
    """How alike the maps of a few scans remain as the network's layers are drawn anew."""
    few = min(count, CHECKED)
    mapped = partial(_volumes_of, loaded, few, way)
    return [asdict(one) for one in randomisation.alike(loaded.model, loaded.fresh(0), mapped)]


def _volumes_of(loaded: TrainedModel, count: int, way: SaliencyConfig, model: nn.Module) -> Sequence[np.ndarray]:
    return maps(loaded, count, way, model).volumes


def _shown(loaded: TrainedModel, made: Maps, most: int = 4) -> list[SaliencyExample]:
    """The first scans; of volumes, before them the mean map on the mean scan, for scans that are aligned."""
    prepared = loaded.data.prepared
    images, truth, axes = prepared.images(), _truth(loaded), len(prepared.spacing)
    axis = -1 if len(loaded.data.shape) == 4 and axes == 3 else nifti_maps.axis_of(loaded.data.view)
    scans = [nifti_maps.deep(np.asarray(images[row]).astype(float).mean(0), axes) for row in made.rows]
    found = [
        SaliencyExample(scan, volume, truth, axis, f"scan {at}")
        for at, (scan, volume) in enumerate(zip(scans[:most], made.volumes, strict=False))
    ]
    if axes == 2 or len(scans) < 2:
        return found
    return [
        SaliencyExample(np.mean(scans, axis=0), _mean_map(made.volumes), truth, axis, f"mean of {len(scans)}"),
        *found,
    ]


def _mean_map(found: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of maps of which each counts alike: as shares of its own sum."""
    return np.mean([volume / (volume.sum() or 1.0) for volume in found], axis=0)


def told(hits: Sequence[LocalisationScore], groups: Sequence[str] | None = None) -> dict[str, list[float]]:
    """Mean and 95 % bootstrap interval over people of every score."""
    return {name: list(interval(np.array([getattr(each, name) for each in hits]), groups)) for name in SCORES}


def _judged(
    name: str,
    groups: Sequence[str],
    hits: Sequence[LocalisationScore],
    even: Sequence[LocalisationScore],
    untrained: Sequence[Sequence[LocalisationScore]],
) -> dict[str, Any]:
    """What the hits of the trained network amount to, beside chance and beside untrained weights.

    The network hits where the lower bound of an area, over people, lies above chance: in the plane where it read an
    image, over the voxels where it read the volume (`name`). Untrained networks fall to chance where the 95 % interval
    of theirs, a t interval over networks, does not lie above it: their scans share a network, so that scans are not
    what is counted.
    """
    trained = told(hits, groups)
    chance = {name: values[0] for name, values in told(even).items()}
    random = {each: _over_networks([[getattr(one, each) for one in some] for some in untrained]) for each in SCORES}
    lower = random[name][1]
    return {
        "trained": trained,
        "chance": chance,
        "untrained": random if untrained else {},
        "hits": bool(trained[name][1] > chance[name]),
        "falls to chance": bool(lower <= chance[name]) if np.isfinite(lower) else None,
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
