"""What a network looks at: saliency of known networks, scores of known maps, the way to a file, and the command."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from command_line import printed
from torch import nn

from bench import registry
from bench.analysis.explain.localisation import bootstrap_interval, head_mask, map_auc, score_map
from bench.analysis.explain.saliency import METHODS, saliency
from bench.analysis.explain.saliency_maps import SaliencyConfig, explain
from bench.core import BenchError, Recipe, Split, Task, Trial
from bench.data.prepare import prepare
from bench.experiments import run_trial
from bench.storage.record_store import Store
from bench.training.trained_model import load

AGE = Task("regression", "mae")


def test_the_gradient_of_a_linear_network_is_its_weight():
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 1))
    found = saliency(model, torch.randn(5, 1, 3, 4), AGE, "gradient")
    expected = model[1].weight.detach().abs().reshape(1, 1, 3, 4).numpy()
    np.testing.assert_allclose(found, np.repeat(expected, 5, 0), rtol=1e-5)


def test_integrated_gradients_of_a_linear_network_are_its_terms():
    model, x = nn.Sequential(nn.Flatten(), nn.Linear(12, 1)), torch.randn(3, 1, 3, 4)
    found = saliency(model, x, AGE, "integrated_gradients")
    expected = (model[1].weight.detach().reshape(1, 1, 3, 4) * x).abs().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_grad_cam_is_where_the_last_convolution_responds():
    last = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.ones_(last.weight)
    model = nn.Sequential(last, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 1))
    nn.init.ones_(model[3].weight)
    x = torch.zeros(1, 1, 6, 6)
    x[0, 0, 2, 3] = 5
    found = saliency(model, x, AGE, "grad_cam")
    assert np.unravel_index(found[0, 0].argmax(), (6, 6)) == (2, 3)
    with pytest.raises(BenchError, match="no layer 'last'"):
        saliency(model, x, AGE, "grad_cam", "last")
    with pytest.raises(BenchError, match="no saliency 'lime'"):
        saliency(model, x, AGE, "lime")


@pytest.mark.parametrize("by", METHODS)
@pytest.mark.parametrize("axes", [2, 3])
def test_every_saliency_method_explains_masks(by, axes):
    """A network that marks what is bright: every map says so, where it is bright."""
    convolution = (nn.Conv2d, nn.Conv3d)[axes - 2](1, 2, 1)
    with torch.no_grad():
        convolution.weight[:, 0] = torch.tensor([-1.0, 1.0]).reshape(2, *[1] * axes)
        convolution.bias[:] = torch.tensor([2.0, -2.0])
    x = torch.full((1, 1, *[16] * axes), -1.0)
    bright = (slice(4, 10),) * axes
    x[0, 0][bright] = 4.0
    found = saliency(convolution, x, Task("segmentation", "dice", ("rest", "bright")), by)[0, 0]
    truth = np.zeros([16] * axes)
    truth[bright] = 1
    assert found.shape == truth.shape
    assert map_auc(found, truth, np.ones_like(truth, dtype=bool)) > 0.95


def test_scores_of_a_perfect_a_constant_and_an_opposite_map():
    truth, head = np.zeros((4, 8, 8)), np.ones((4, 8, 8), bool)
    truth[1, 2:4, 3:6] = 1
    perfect = score_map(truth.sum(0), truth, truth, head, 0)
    assert (perfect.auc, perfect.pointing, perfect.depth, perfect.whole) == (1, 1, 1, 1)
    even = score_map(np.ones((8, 8)), np.ones((4, 8, 8)), truth, head, 0)
    assert (even.auc, even.whole) == (0.5, 0.5)
    assert np.isnan(even.depth)
    opposite = score_map(1 - truth.sum(0), 1 - truth, truth, head, 0)
    assert (opposite.auc, opposite.pointing, opposite.depth) == (0, 0, -1)
    head[:, 0] = False  # what lies outside the head is not counted
    assert score_map(truth.sum(0), truth, truth, head, 0).auc == 1
    assert np.isnan(map_auc(np.ones(4), np.ones(4, bool), np.ones(4, bool)))


def test_an_interval_is_about_the_mean_and_leaves_out_what_is_not_known():
    mean, low, high = bootstrap_interval(np.array([0.4, 0.6, np.nan, 0.5]))
    assert mean == pytest.approx(0.5)
    assert 0.4 <= low < mean < high <= 0.6
    assert np.isnan(bootstrap_interval(np.array([np.nan]))).all()


def test_the_head_is_what_is_brighter_than_the_background():
    image = np.zeros((1, 10, 10, 10))
    image[0, 2:8, 2:8, 2:8] = 100
    image[0, 0, 0, 0] = 2
    np.testing.assert_array_equal(head_mask(image), image[0] == 100)


@pytest.fixture(params=["sagittal", "all"])
def trained_runs(tmp_path, request):
    """A short trial of DCL-SE on a phantom, its weights kept, and one without them."""
    plane = request.param
    made = prepare("phantom_ad", {"subjects": 20, "mm": 8.0, "effect": 3.0})
    store = Store(tmp_path / "results")
    method = registry.spec("methods", "dclse", {"view": {"kind": "dynamic", "plane": plane}})
    trial = Trial(made.spec, method, Split(folds=2), recipe=Recipe(steps=3, batch_size=4, points=1))
    assert run_trial.run(trial, store, keep=True).status == "done"
    bare = replace(trial, fold=1)
    run_trial.run(bare, store)
    return store, trial, bare


def test_maps_have_the_position_of_their_scans_and_are_scored(trained_runs, tmp_path):
    import nibabel as nib

    store, trial, _ = trained_runs
    loaded = load(store, trial.key)
    entry, text = explain(loaded, tmp_path, 3, SaliencyConfig(), 2, False)
    files = sorted(tmp_path.glob("scan-*.nii.gz"))
    assert len(files) == entry["scans"] == len(entry["each"]) == 3
    image, row = nib.load(files[0]), int(loaded.data.fold.test[0])
    np.testing.assert_allclose(image.affine, loaded.data.prepared.affine(row))
    assert image.shape == loaded.data.prepared.shape[1:]
    assert image.get_data_dtype() == np.float32
    assert entry["chance"]["auc"] == 0.5 or loaded.data.view.plane == "all"  # which sums three profiles of depth
    assert all(0 <= one["auc"] <= 1 for one in entry["each"])
    assert len(entry["untrained"]["auc"]) == 3
    assert text[0].map.shape == text[0].image.shape
    again, _ = explain(loaded, tmp_path, 3, SaliencyConfig(), 2, False)
    assert json.dumps(again) == json.dumps(entry)


def test_an_impossible_explanation_says_what_to_do(trained_runs):
    store, _, bare = trained_runs
    with pytest.raises(BenchError, match="not saved; run its study again with them"):
        load(store, bare.key)
    with pytest.raises(BenchError, match="no finished trial 0000"):
        load(store, "0000")


def test_the_command_prints_scores_and_leaves_maps(trained_runs, capsys, monkeypatch):
    store, trial, _ = trained_runs
    monkeypatch.setenv("BENCH_RESULTS", str(store.root))
    words = ["--scans", "2", "--untrained", "1", "--json", "--no-randomise"]
    status, out, err = printed(capsys, monkeypatch, "explain", trial.key, *words)
    assert status == 0, err
    assert json.loads(out)["method"] == "dclse"
    folder = store.root / "explain" / trial.key
    assert {"maps.png", "scores.json", "scan-000.nii.gz"} <= {path.name for path in folder.iterdir()}
    status, _, err = printed(capsys, monkeypatch, "explain", "beef")
    assert status == 2
    assert "no finished trial beef" in err


def test_a_wrong_key_is_refused_before_torch_is_imported(tmp_path):
    program = (
        "import sys\nfrom bench.cli import app\n"
        "try:\n    app(['explain', 'abc'])\nexcept (SystemExit, Exception) as end:\n    print(end)\n"
        "print('torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "no finished trial abc" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"


@pytest.mark.slow
def test_the_plane_hits_the_truth_and_untrained_weights_do_not(tmp_path):
    """The strong phantom of dementia: what the network looks at in the plane, against where the atrophy is."""
    made = prepare("phantom_ad", {"subjects": 160, "effect": 3.0})
    trial = Trial(
        made.spec, registry.spec("methods", "dclse"), Split(folds=4), recipe=Recipe(steps=200, batch_size=16, points=5)
    )
    store = Store(tmp_path / "results")
    record = run_trial.run(trial, store, keep=True)
    assert record.metrics["selected"]["auc"] > 0.95
    entry, _ = explain(load(store, trial.key), tmp_path / "maps", 16, SaliencyConfig(), 8, False)
    print({kind: entry[kind] for kind in ("trained", "untrained", "chance")})
    assert entry["trained"]["auc"][1] > entry["chance"]["auc"] == 0.5
    assert entry["untrained"]["auc"][1] <= 0.5  # a t interval over networks
    assert entry["trained"]["auc"][1] > entry["untrained"]["auc"][2]
    assert entry["trained"]["depth"][0] == pytest.approx(
        entry["untrained"]["depth"][0]
    )  # it comes from the pooling weights alone
