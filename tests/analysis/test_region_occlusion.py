"""Occlusion by region: regions cover the head, and the one that carries the effect changes the output most."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from finished_trials import carried_out
from torch import nn

from bench import registry
from bench.analysis.explain.region_occlusion import average_scan, region_map, scan_regions
from bench.analysis.explain.saliency_maps import SaliencyConfig, explain
from bench.core import Recipe, Split, Trial
from bench.data.prepare import prepare
from bench.training.trained_model import load


def ball() -> np.ndarray:
    """(1, 12, 12, 12): a head of varying brightness in an empty background."""
    places = np.indices((12, 12, 12)) - 5.5
    inside = (places**2).sum(0) < 25
    return (inside * (100 + 40 * np.sin(places[0])))[None].astype(np.float32)


def test_supervoxels_cover_the_head_and_nothing_else():
    labels = scan_regions(ball(), (2.0,) * 3, None)
    np.testing.assert_array_equal(labels > 0, ball()[0] > 0)
    assert 20 < len(np.unique(labels)) < 110
    np.testing.assert_array_equal(labels, scan_regions(ball(), (2.0,) * 3, None))


def test_regions_of_a_mask_are_its_labels_and_the_rest_of_the_head():
    mask = np.zeros((12, 12, 12), dtype=np.uint8)
    mask[4:6, 4:6, 4:6], mask[0, 0, 0] = 1, 2
    labels = scan_regions(ball(), (2.0,) * 3, mask)
    assert labels[5, 5, 5] == 2
    assert labels[0, 0, 0] == 3
    assert labels[7, 7, 7] == 1
    assert labels[11, 11, 11] == 0


@pytest.fixture(scope="module")
def finished(tmp_path_factory, request):
    """A linear model of a phantom of dementia, and one that reads its mean projection, with their weights."""
    made = prepare("phantom_ad", {"subjects": 24, "mm": 12.0, "effect": 4.0}, workers=1)
    found = []
    for number, view in enumerate(("volume", "mean")):
        method = registry.spec("methods", "linear", {"grids": [1], "view": {"kind": view}})
        trial = Trial(made.spec, method, Split(folds=2), recipe=Recipe(steps=1))
        store, _ = carried_out(trial, tmp_path_factory.mktemp(f"results{number}"))
        found.append(load(store, trial.key))
    return found


class Inside(nn.Module):
    """The sum over one part of the scan: what carries the effect is known."""

    def __init__(self, part: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("part", torch.from_numpy(part.astype(np.float32)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        total = (x[:, 0] * self.part).flatten(1).sum(1)
        return torch.stack([-total, total], 1)


def test_the_region_that_carries_the_effect_changes_the_output_most(finished):
    loaded = finished[0]
    row = int(loaded.data.fold.test[0])
    scan = np.asarray(loaded.data.prepared.images()[row]).astype(np.float32)
    labels = scan_regions(scan, loaded.data.prepared.spacing, None)
    gaps = {name: abs((scan - average_scan(loaded))[0][labels == name].sum()) for name in np.unique(labels[labels > 0])}
    name = max(gaps, key=gaps.get)
    found = region_map(loaded, Inside(labels == name), row)
    assert found[labels == name].min() == found.max() > 0
    assert (found[labels != name] == 0).all()


def test_the_change_of_a_linear_model_is_its_weights_times_what_was_exchanged(finished):
    loaded = finished[0]
    row = int(loaded.data.fold.test[1])
    scan = np.asarray(loaded.data.prepared.images()[row]).astype(np.float32)
    labels = scan_regions(scan, loaded.data.prepared.spacing, None)
    weights = loaded.model.linear.weight.detach().numpy().reshape(2, *scan.shape[1:])
    ends = [loaded.data.normaliser(torch.full((1, *scan.shape), value)) for value in (0.0, 1.0)]
    deviation = 1 / float((ends[1] - ends[0]).mean())
    wanted = int(loaded.model(loaded.data.part(np.array([row])).take(np.array([0]))[0]).argmax())
    found = region_map(loaded, loaded.model, row)
    for name in np.unique(labels[labels > 0]):
        at = labels == name
        expected = abs((weights[wanted] * (average_scan(loaded) - scan)[0])[at].sum()) / deviation
        assert found[at].max() == pytest.approx(expected, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("number", [0, 1])
def test_maps_of_regions_are_scored_in_the_volume_also_of_a_network_that_reads_an_image(finished, tmp_path, number):
    entry, examples = explain(finished[number], tmp_path, 6, SaliencyConfig("regions"), 0, False)
    assert entry["chance"]["whole"] == pytest.approx(0.5)
    assert entry["trained"]["whole"][0] > 0.6
    assert examples[0].map.shape == finished[number].data.prepared.shape[1:]
    assert json.dumps(entry)
