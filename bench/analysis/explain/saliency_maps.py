"""The saliency maps of a trained network: NIfTI files, with scores against truth, chance and untrained networks."""

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
from bench.analysis.explain.localisation import (
    SCORES,
    LocalisationScore,
    bootstrap_interval,
    head_mask,
    score_map,
)
from bench.analysis.explain.region_occlusion import REGIONS, region_map
from bench.core import BenchError
from bench.training.trained_model import TrainedModel

RANDOMISED_SCANS = 4  # scans whose maps are compared before and after randomising layers


@dataclass(frozen=True)
class SaliencyConfig:
    """How maps are computed.

    by: one of `saliency.METHODS`, or `regions`. back: `weights` or `contribution`. layer: for Grad-CAM.
    """

    by: str = "gradient"
    back: str = "weights"
    layer: str = ""


@dataclass(frozen=True)
class Maps:
    """The maps of some scans of the test part."""

    rows: np.ndarray  # (N,) of the prepared data set
    planes: Sequence[np.ndarray]  # (rows, columns), the saliency on the image
    volumes: Sequence[np.ndarray]  # (D, H, W), projected back; of images, (H, W, 1)
    scores: Sequence[LocalisationScore]  # against the truth; empty if it is not known


@dataclass(frozen=True)
class SaliencyExample:
    """A scan with its map, for the figure. axis: of the scan, the one that the image was pooled along."""

    image: np.ndarray  # (D, H, W)
    map: np.ndarray  # (D, H, W)
    truth: np.ndarray | None  # (D, H, W) in [0, 1]
    axis: int  # -1: along none
    label: str = ""


def compute_maps(loaded: TrainedModel, count: int, config: SaliencyConfig, model: nn.Module | None = None) -> Maps:
    """Maps of the first `count` test scans. model: a network of the same kind to use in place of the trained one."""
    network, prepared = model or loaded.model, loaded.data.prepared
    if config.by == REGIONS:
        rows = loaded.data.fold.test[:count]
        return _scored(loaded, rows, [region_map(loaded, network, int(row)) for row in rows])
    rows, x = loaded.scans(count)
    saliency = []
    for some in np.array_split(np.arange(len(rows)), max(1, -(-len(rows) // 4))):
        saliency += list(saliencies.saliency(network, x[some], prepared.task, config.by, config.layer))
    return _project_back(loaded, rows, saliency, config.back)


def score_constant_map(loaded: TrainedModel, count: int, config: SaliencyConfig) -> list[LocalisationScore]:
    """The scores of a constant saliency for each of the first `count` test scans: chance, but for the depth.

    Its depth is that of the pooling weights; maps of regions have a depth of their own.
    """
    rows = loaded.data.fold.test[:count]
    if config.by == REGIONS:
        prepared = loaded.data.prepared
        even = nifti_maps.with_depth(np.ones(prepared.shape[1:]), len(prepared.spacing))
        return list(_scored(loaded, rows, [even] * len(rows)).scores)
    return list(_project_back(loaded, rows, [np.ones(loaded.data.shape)] * len(rows), config.back).scores)


def _scored(loaded: TrainedModel, rows: np.ndarray, volumes: Sequence[np.ndarray]) -> Maps:
    """Maps that were computed on the scan itself, (D, H, W); their plane is the sum along the axis that images lack."""
    axis = nifti_maps.pooled_axis(loaded.data.view)
    return _with_scores(loaded, rows, [(volume.sum(axis), volume) for volume in volumes])


def _project_back(loaded: TrainedModel, rows: np.ndarray, saliency: Sequence[np.ndarray], back: str) -> Maps:
    """The maps of the scans from the saliency on the network's input, with their scores."""
    prepared, view = loaded.data.prepared, loaded.data.view
    images, pairs = prepared.images(), []
    for each, row in zip(saliency, rows, strict=True):
        volume = nifti_maps.project_back(view, each, np.asarray(images[row]), prepared.spacing, back)
        pairs.append((nifti_maps.plane_map(view, each, volume), volume))
    return _with_scores(loaded, rows, pairs)


def _with_scores(loaded: TrainedModel, rows: np.ndarray, pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> Maps:
    """Maps, each in the plane and in the volume, with their scores against the truth if it is known."""
    prepared, view = loaded.data.prepared, loaded.data.view
    images, truth, scores = prepared.images(), _truth(loaded), []
    visible = nifti_maps.visible_voxels(view, tuple(prepared.shape), prepared.spacing)
    for (plane, volume), row in zip(pairs, rows, strict=True):
        if truth is not None:
            head = head_mask(nifti_maps.with_depth(np.asarray(images[row]), len(prepared.spacing)))
            scores.append(score_map(plane, volume, truth, head, nifti_maps.pooled_axis(view), visible))
    planes, volumes = zip(*pairs, strict=True) if pairs else ((), ())
    return Maps(rows, planes, volumes, scores)


def _truth(loaded: TrainedModel) -> np.ndarray | None:
    """Where the signal of a phantom is, (D, H, W), or (H, W, 1) of images; None if it is not known, or nowhere."""
    prepared = loaded.data.prepared
    truth = prepared.truth()
    return (
        None if truth is None or not np.any(truth) else nifti_maps.with_depth(np.asarray(truth), len(prepared.spacing))
    )


def explain(
    loaded: TrainedModel, folder: Path, count: int, config: SaliencyConfig, seeds: int, randomise: bool = True
) -> tuple[dict[str, Any], list[SaliencyExample]]:
    """Write the maps of the first `count` test scans to `folder`; returns their scores as JSON, and scans for a figure.

    seeds: number of untrained networks that are scored for comparison. randomise: also compare the maps before and
    after the network's layers are randomised. BenchError if the method ignores the scan, or if `config` does not fit
    the network.
    """
    if loaded.method.blind or loaded.method.reads_covariates:
        raise BenchError(f"{loaded.record.trial.method.name} ignores the scan: it has no saliency map")
    prepared, maps = loaded.data.prepared, compute_maps(loaded, count, config)
    for number, (row, volume) in enumerate(zip(maps.rows, maps.volumes, strict=True)):
        affine = nifti_maps.map_affine(
            prepared.affine(int(row)) if len(prepared.spacing) == 3 else np.eye(4), prepared.spacing, prepared.shape
        )
        nifti_maps.write_nifti(folder / f"scan-{number:03d}.nii.gz", volume, affine)
    examples = _examples(loaded, maps)
    if examples[0].label.startswith("mean"):
        for name, values in (("mean-map", examples[0].map), ("mean-scan", examples[0].image)):
            nifti_maps.write_nifti(folder / f"{name}.nii.gz", values, prepared.affine(int(maps.rows[0])))
    entry = {
        "trial": loaded.record.trial.key,
        "data": prepared.name,
        "method": loaded.record.trial.method.name,
        **asdict(config),
        "scans": len(maps.rows),
        "judged by": "whole" if len(loaded.data.shape) == 4 else "auc",
        "layers drawn anew": _compare_randomised(loaded, count, config) if randomise else [],
    }
    if not maps.scores:
        note = "the true location of the signal is not known for these scans: maps, and no scores"
        return {**entry, "note": note}, examples
    groups = [prepared.groups[row] for row in maps.rows]
    chance = score_constant_map(loaded, count, config)
    untrained = [list(compute_maps(loaded, count, config, loaded.untrained(seed)).scores) for seed in range(seeds)]
    return {**entry, **_compare(entry["judged by"], groups, maps.scores, chance, untrained)}, examples


def _compare_randomised(loaded: TrainedModel, count: int, config: SaliencyConfig) -> list[dict[str, Any]]:
    """The similarity of the maps of a few scans before and after the network's layers are randomised."""
    few = min(count, RANDOMISED_SCANS)
    maps_of = partial(_volumes_of, loaded, few, config)
    return [asdict(one) for one in randomisation.randomise_layers(loaded.model, loaded.untrained(0), maps_of)]


def _volumes_of(loaded: TrainedModel, count: int, config: SaliencyConfig, model: nn.Module) -> Sequence[np.ndarray]:
    return compute_maps(loaded, count, config, model).volumes


def _examples(loaded: TrainedModel, maps: Maps, most: int = 4) -> list[SaliencyExample]:
    """The first scans; of several volumes, before them the mean map on the mean scan, for scans that are aligned."""
    prepared = loaded.data.prepared
    images, truth, axes = prepared.images(), _truth(loaded), len(prepared.spacing)
    axis = -1 if len(loaded.data.shape) == 4 and axes == 3 else nifti_maps.pooled_axis(loaded.data.view)
    scans = [nifti_maps.with_depth(np.asarray(images[row]).astype(float).mean(0), axes) for row in maps.rows]
    examples = [
        SaliencyExample(scan, volume, truth, axis, f"scan {at}")
        for at, (scan, volume) in enumerate(zip(scans[:most], maps.volumes, strict=False))
    ]
    if axes == 2 or len(scans) < 2:
        return examples
    mean = SaliencyExample(np.mean(scans, axis=0), _mean_map(maps.volumes), truth, axis, f"mean of {len(scans)}")
    return [mean, *examples]


def _mean_map(volumes: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of the maps, each divided by its own sum, so that all count alike."""
    return np.mean([volume / (volume.sum() or 1.0) for volume in volumes], axis=0)


def summarise(scores: Sequence[LocalisationScore], groups: Sequence[str] | None = None) -> dict[str, list[float]]:
    """name -> [mean, low, high] of every score, with the 95 % bootstrap interval over groups.

    groups: (N,) names of the groups, usually people, one for each score; default: every scan is a group of its own.
    """
    values = {name: np.array([getattr(each, name) for each in scores]) for name in SCORES}
    return {name: list(bootstrap_interval(values[name], groups)) for name in SCORES}


def _compare(
    name: str,
    groups: Sequence[str],
    scores: Sequence[LocalisationScore],
    constant: Sequence[LocalisationScore],
    untrained: Sequence[Sequence[LocalisationScore]],
) -> dict[str, Any]:
    """The scores of the trained network against chance and against untrained networks.

    The network `hits` the truth if the lower bound of the score `name`, over people, lies above chance: `auc`, in the
    plane, if it reads an image; `whole`, over the voxels, if it reads the volume. Untrained networks fall to chance if
    the 95 % t interval over networks does not lie above it; scans of one network are not independent, so that the
    interval is over networks.
    """
    trained = summarise(scores, groups)
    chance = {name: values[0] for name, values in summarise(constant).items()}
    random = {each: _over_networks([[getattr(one, each) for one in some] for some in untrained]) for each in SCORES}
    lower = random[name][1]
    return {
        "trained": trained,
        "chance": chance,
        "untrained": random if untrained else {},
        "hits": bool(trained[name][1] > chance[name]),
        "falls to chance": bool(lower <= chance[name]) if np.isfinite(lower) else None,
        "each": [asdict(one) for one in scores],
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
