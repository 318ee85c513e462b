"""Weights of a file and frozen layers, for every method whose network may begin with them."""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from bench.core import BenchError, Task
from bench.method import Batch, PretrainedMethod, label_losses
from bench.registry import make, member, names
from bench.weights import carried_by, last_stage
from bench.weights.adapted_tensors import resampled

TWO = Task("classification", "auc", ("a", "b"))
AGE = Task("regression", "mae")
MASKS = Task("segmentation", "dice", ("rest", "artery"))
IMAGE, VOLUME = (3, 32, 32), (1, 16, 16, 16)
SMALL = {"network": "resnet10t", "options": {"stem_width": 8, "channels": (8, 16, 16, 16)}}
RESNET = {"network": "ResNet", "options": {"block": "basic", "layers": (1, 1, 1, 1), "block_inplanes": (4, 8, 8, 8)}}
CASES = {  # method -> parameters that make it small, its task, the shape after the view
    "deepbet3d": ({}, TWO, (1, 33, 20, 20)),
    "dclse": ({}, TWO, (3, 33, 33)),
    "fuseme": (SMALL, TWO, VOLUME),
    "monai3d": (RESNET, TWO, VOLUME),
    "monaiseg": ({"width": 8}, MASKS, VOLUME),
    "sammed3d": ({"width": 16, "depth": 2, "heads": 2, "side": 2}, TWO, (1, 32, 32, 32)),
    "sfcn": ({"channels": "4,8,8"}, TWO, VOLUME),
    "similarity_graph": (SMALL, TWO, IMAGE),
    "slices": ({**SMALL, "slices": 3, "units": 8}, TWO, VOLUME),
    "timm2d": (SMALL, TWO, IMAGE),
    "timm3d": (SMALL, TWO, (1, 32, 32, 32)),
    "unet3d": ({"channels": "4,8,8"}, MASKS, VOLUME),
    "vgg3d": ({"convolutions": "1,1,1", "width": 4}, TWO, VOLUME),
    "weighted_pooling": (SMALL, TWO, VOLUME),
    "xing2020": ({"dense": "8,4"}, TWO, (3, 32, 32)),
}
METHODS = sorted(name for name in names("methods") if issubclass(member("methods", name), PretrainedMethod))


@cache
def stored_state(name: str) -> dict[str, torch.Tensor]:
    """The tensors that a file for this method holds: of a 2D network of timm, or of the network itself."""
    params, task, shape = CASES[name]
    torch.manual_seed(7)
    if params is SMALL or name in ("slices", "timm2d"):
        import timm

        return timm.create_model("resnet10t", in_chans=3, num_classes=5, **SMALL["options"]).state_dict()
    state = make("methods", name, params).build(task, shape).state_dict()
    return {key: value for key, value in state.items() if name != "xing2020" or key.startswith("features")}


@pytest.fixture
def begun(tmp_path):
    """A method with weights of a file in which every number is not what the network begins with."""

    def begin(name: str, train: str = "all", **changed: object) -> tuple[PretrainedMethod, dict[str, torch.Tensor]]:
        state = {key: value + 0.25 if value.is_floating_point() else value for key, value in stored_state(name).items()}
        path = tmp_path / "w.safetensors"
        save_file({key: value.contiguous() for key, value in state.items()}, path)
        file = {"weights": str(path), "checksum": hashlib.sha256(path.read_bytes()).hexdigest()}
        return make("methods", name, {**CASES[name][0], **file, "train": train, **changed}), state

    return begin


def trained(model: torch.nn.Module, name: str, steps: int = 2) -> None:
    """Train on noise by the label loss alone, in training mode."""
    _, task, shape = CASES[name]
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(4, *shape, generator=rng)
    y = torch.randint(2, (4, *shape[1:]) if task.kind == "segmentation" else (4,), generator=rng)
    descent = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=1e-2)
    for _ in range(steps):
        model.train()
        descent.zero_grad()
        label_losses(model(x), Batch(x, y, torch.arange(4), task)).mean().backward()
        descent.step()


def test_every_method_with_a_network_of_its_own_may_begin_with_weights():
    assert set(CASES) == set(METHODS)
    floors = {"boosting", "constant", "covariates", "linear", "nearest_neighbour", "svm"}
    floors |= {"copy_source", "grey_values", "mean_image"}
    aligners = {name for name in names("methods") if "registration" in member("methods", name).kinds}
    assert set(names("methods")) - set(METHODS) - aligners == floors | {
        "co_mining",
        "distil",
        "ensemble",
        "self_supervised",
        "seq2seq",
    }  # have those of their parts, or no published ones


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_weights_of_a_file_are_in_the_network_and_in_its_record(name, begun):
    method, state = begun(name)
    _, task, shape = CASES[name]
    method.check()
    model = method.build(task, shape)
    ((prefix, carried), *_) = carried_by(model).items()
    own = {key.removeprefix(prefix): value for key, value in model.state_dict().items() if key.startswith(prefix)}
    adapted = {entry[0] for entry in carried.adapted}
    state = {key.removeprefix(prefix): value for key, value in state.items()}
    same = [key for key in carried.taken if key not in adapted and key in state and state[key].shape == own[key].shape]
    assert len(same) > 0.7 * len(state)
    assert all(torch.equal(own[key], state[key]) for key in same)
    listed = method.record_info(model)["carried over"]
    assert {*listed["taken"], *listed["missing"], *(entry[0] for entry in listed["other_shape"])} == set(own)


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_network_of_a_pretraining_is_taken_over_but_for_what_has_other_outputs(name, tmp_path):
    params, task, shape = CASES[name]
    learnt = AGE if task is TWO else Task("segmentation", "dice", ("rest", "a", "b", "c"))
    method = make("methods", name, params)
    torch.manual_seed(2)
    before = {key: value + 1 for key, value in method.build(learnt, shape).state_dict().items()}
    path = tmp_path / "w.safetensors"
    save_file({key: value.clone().contiguous() for key, value in before.items()}, path)
    built = []
    for each in (method, method.begin_with(path, learnt, "the training on ages")):
        torch.manual_seed(3)
        built.append(each.build(task, shape))
    fresh, begun = (model.state_dict() for model in built)
    learnable = set(dict(built[1].named_parameters())) | {key for key in begun if ".running_" in key}
    other = {key for key in learnable if key not in before or before[key].shape != begun[key].shape}
    assert 0 < len(other) < len(learnable) / 2
    assert all(torch.equal(begun[key], before[key]) for key in learnable - other)
    assert all(torch.equal(begun[key], fresh[key]) for key in set(begun) - (learnable - other) if "batches" not in key)


QUICK = [("sfcn", "last"), ("timm2d", "head"), ("unet3d", "head"), ("weighted_pooling", "head")]
EVERY = [(name, train) for name in sorted(CASES) for train in ("head", "last")]


@pytest.mark.parametrize(
    ("name", "train"),
    [pytest.param(*case, marks=() if case in QUICK else pytest.mark.slow) for case in EVERY],
)
def test_only_the_head_or_the_last_stage_and_it_change_in_training(name, train, begun):
    method, _ = begun(name, train)
    _, task, shape = CASES[name]
    torch.manual_seed(0)
    model = method.build(task, shape)
    free = {key for key, weight in model.named_parameters() if weight.requires_grad}
    start = {key: value.clone() for key, value in model.state_dict().items()}
    trained(model, name)
    moved = {key for key, value in model.state_dict().items() if not torch.equal(value, start[key])}
    weights = dict(model.named_parameters())
    assert moved & set(weights) <= free
    assert moved & free
    assert free != set(weights)
    statistics = {key for key in moved if key.endswith(("running_mean", "running_var"))}
    assert all(any(key.rpartition(".")[0] == one.rpartition(".")[0] for one in free) for key in statistics) or (
        name == "weighted_pooling"  # the norm before the network has no weights and no place in the file
    )
    share = method.record_info(model)["trained"]
    assert share == {
        "numbers": sum(weights[key].numel() for key in free),
        "of": sum(w.numel() for w in weights.values()),
    }


@pytest.mark.parametrize(("name", "head"), [("sfcn", "classifier"), ("vgg3d", "head.6"), ("timm2d", "fc")])
def test_a_probe_trains_the_output_layer_alone(name, head, begun):
    method, _ = begun(name, "head")
    model = method.build(*CASES[name][1:])
    free = {key for key, weight in model.named_parameters() if weight.requires_grad}
    assert free == {f"{head}.weight", f"{head}.bias"}


@pytest.mark.parametrize("bins", [3, 40])
def test_the_output_layer_of_a_network_of_bins_is_found(bins):
    model = make("methods", "sfcn", {"channels": "4,8", "train": "head", "bins": bins}).build(AGE, VOLUME)
    assert {key for key, weight in model.named_parameters() if weight.requires_grad} == {
        "classifier.weight",
        "classifier.bias",
    }


def test_layers_that_the_file_lacks_are_trained_in_a_probe(tmp_path):
    params = {**SMALL, "slices": 3, "units": 8, "train": "head"}
    path = tmp_path / "w.safetensors"
    save_file(stored_state("slices"), path)
    file = {"weights": str(path), "checksum": hashlib.sha256(path.read_bytes()).hexdigest()}
    model = make("methods", "slices", {**params, **file}).build(TWO, VOLUME)
    free = {key.partition(".")[0] for key, weight in model.named_parameters() if weight.requires_grad}
    assert free == {"together", "head"}


def test_the_last_stage_of_networks_of_volumes_is_what_their_authors_call_it():
    resnet = make("methods", "monai3d", RESNET).build(TWO, VOLUME)
    assert {name.partition(".")[0] for name in last_stage(resnet, {"fc.weight", "fc.bias"})} == {"layer4", "fc"}
    vit = {
        "network": "ViT",
        "options": {"patch_size": 8, "hidden_size": 12, "mlp_dim": 12, "num_layers": 3, "num_heads": 2},
    }
    model = make("methods", "monai3d", {**vit, "train": "last"}).build(TWO, (1, 16, 16, 16))
    free = {name for name, weight in model.named_parameters() if weight.requires_grad}
    blocks = {name for name in free if "blocks." in name}
    assert blocks
    assert all("blocks.2." in name for name in blocks)


def test_positions_of_another_grid_are_resampled_and_of_a_plane_exactly():
    """A linear function of the place is reproduced between the outermost centres, in any number of axes."""
    side, sizes = 6, (7, 6, 6)
    places = (np.arange(side) + 0.5) / side
    grid = np.stack(np.meshgrid(places, places, places, indexing="ij"), -1).reshape(1, -1, 3)
    value = resampled(torch.tensor(grid, dtype=torch.float32), sizes).reshape(*sizes, 3)
    expected = (np.arange(7) + 0.5) / 7
    np.testing.assert_allclose(value[1:-1, 0, 0, 0], expected[1:-1], atol=1e-6)
    np.testing.assert_allclose(value[0, :, 0, 1], places, atol=1e-6)
    assert resampled(torch.zeros(1, 10, 4), (2, 3)) is None  # 10 is no square


def test_a_transformer_of_another_grid_takes_all_positions_and_says_so(tmp_path):
    params = {
        "network": "ViT",
        "options": {"patch_size": 8, "hidden_size": 12, "mlp_dim": 12, "num_layers": 1, "num_heads": 2},
    }
    method = make("methods", "monai3d", params)
    path = tmp_path / "w.safetensors"
    save_file(method.build(TWO, (1, 24, 24, 24)).state_dict(), path)
    file = {"weights": str(path), "checksum": hashlib.sha256(path.read_bytes()).hexdigest()}
    other = make("methods", "monai3d", {**params, **file})
    other.check()
    (carried,) = carried_by(other.build(TWO, (1, 16, 30, 24))).values()  # padded to 16 x 32 x 24
    assert [(entry[1], entry[2]) for entry in carried.adapted] == [("1 x 27 x 12", "1 x 24 x 12")]
    assert not carried.left
    assert "adapted: " in str(carried)


@pytest.mark.parametrize(("stored", "wanted"), [(1, 3), (4, 1)])
def test_a_first_layer_for_other_channels_answers_equal_channels_alike(tmp_path, stored, wanted):
    params = {"channels": "4,8"}
    source = make("methods", "sfcn", params).build(TWO, (stored, 8, 8, 8)).eval()
    path = tmp_path / "w.safetensors"
    save_file(source.state_dict(), path)
    file = {"weights": str(path), "checksum": hashlib.sha256(path.read_bytes()).hexdigest()}
    model = make("methods", "sfcn", {**params, **file}).build(TWO, (wanted, 8, 8, 8)).eval()
    x = torch.randn(2, 1, 8, 8, 8)
    torch.testing.assert_close(model(x.expand(-1, wanted, -1, -1, -1)), source(x.expand(-1, stored, -1, -1, -1)))


def test_sets_of_people_without_a_file_of_weights_are_refused():
    with pytest.raises(BenchError, match="pretrained_on describes weights of a file, but weights is empty"):
        make("methods", "sfcn", {"pretrained_on": "ADNI"}).check()


def test_a_file_of_another_network_is_refused_before_a_study(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({"other": torch.ones(3)}, path)
    file = {"weights": str(path), "checksum": hashlib.sha256(path.read_bytes()).hexdigest()}
    for name in ("monai3d", "monaiseg", "sfcn", "unet3d", "vgg3d"):
        with pytest.raises(BenchError, match="holds no tensor that this network has"):
            make("methods", name, {**CASES[name][0], **file}).check()
