"""Weights from a file: what is loaded from another task, and what is reported about the rest."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from bench.core import BenchError, Task
from bench.registry import make
from bench.weights import carry_over
from dclse.architecture import Structure
from dclse.network import Backbone

THREE, AGE = Task("classification", "auc", ("a", "b", "c")), Task("regression", "mae")
MASKS = Task("segmentation", "dice", ("rest", "artery"))


def saved_weights(model: nn.Module, path, rename=lambda name: name):
    """Save the weights of `model`, each increased by one so that it differs from its initial value."""
    save_file({rename(name): value + 1 for name, value in model.state_dict().items()}, path)
    return path


def small(**layers: nn.Module) -> nn.Sequential:
    model = nn.Sequential()
    for name, layer in layers.items():
        model.add_module(name, layer)
    return model


@pytest.fixture
def path(tmp_path):
    return tmp_path / "start.safetensors"


def test_all_weights_of_an_equal_network_are_loaded(path):
    source, model = Backbone(1, 2, Structure()), Backbone(1, 2, Structure())
    carried = carry_over(model, saved_weights(source, path), strict=True)
    assert set(carried.taken) == set(source.state_dict())
    assert (carried.other_shape, carried.missing, carried.unused) == ((), (), ())
    assert carried.numbers == carried.of == sum(value.numel() for value in source.state_dict().values())
    for name, value in source.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], value + 1)


def test_every_tensor_is_loaded_or_listed(path):
    source = small(a=nn.Linear(2, 3), b=nn.Linear(3, 4), old=nn.Linear(1, 1))
    model = small(a=nn.Linear(2, 3), b=nn.Linear(3, 5), new=nn.Linear(7, 1))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    carried = carry_over(model, saved_weights(source, path))
    assert carried.taken == ("a.weight", "a.bias")
    assert carried.other_shape == (("b.weight", "4 x 3", "5 x 3"), ("b.bias", "4", "5"))
    assert carried.missing == ("new.weight", "new.bias")
    assert carried.unused == ("old.bias", "old.weight")  # in the order of the file
    assert (carried.numbers, carried.of) == (9, 9 + 20 + 8)
    assert str(carried) == (
        "2 tensors of start.safetensors taken over, 9 of 37 numbers;"
        " of another shape: b.weight is 4 x 3, not 5 x 3, b.bias is 4, not 5;"
        " not in the file: new.weight, new.bias; unused: old.bias, old.weight"
    )
    for name, value in model.state_dict().items():
        expected = source.state_dict()[name] + 1 if name in carried.taken else before[name]
        torch.testing.assert_close(value, expected)


def test_a_renamed_layer_is_listed_on_both_sides(path):
    source = Backbone(3, 2, Structure(dgm=()))
    inserted = saved_weights(source, path, lambda name: name.replace("stages.S4.", "stages.S4.0."))
    carried = carry_over(Backbone(3, 2, Structure(dgm=())), inserted)
    fourth = [name for name in source.state_dict() if name.startswith("stages.S4.")]
    assert sorted(carried.missing) == sorted(fourth)
    assert sorted(carried.unused) == sorted(name.replace("stages.S4.", "stages.S4.0.") for name in fourth)
    assert len(carried.taken) + len(fourth) == len(source.state_dict())


def test_the_mechanism_after_a_stage_renames_nothing_in_it(path):
    carried = carry_over(Backbone(3, 2, Structure()), saved_weights(Backbone(3, 2, Structure(dgm=())), path))
    assert carried.other_shape == carried.unused == ()
    assert all(name.startswith("dgm.") for name in carried.missing)


@pytest.mark.parametrize("params", [{}, {"auxiliary": True}, {"fusion": "attention"}])
@pytest.mark.parametrize(("task", "shape"), [(AGE, (3, 40, 40)), (MASKS, (3, 40, 40)), (MASKS, (3, 9, 40, 40))])
def test_the_backbone_goes_from_one_task_to_another_under_another_head(path, params, task, shape):
    source = make("methods", "dclse", params).build(THREE, (3, 40, 40))
    method = make("methods", "dclse", {"auxiliary": True})
    for one, other, to in ((source, method.build(task, shape), task), (method.build(task, shape), source, THREE)):
        carried = carry_over(other, saved_weights(one, path))
        own = [name for name in other.state_dict() if "stem." in name or "stages." in name or "dgm." in name]
        assert set(own) <= set(carried.taken), to
        prefix, own_prefix = carried.file_prefix, carried.own_prefix
        assert prefix == own_prefix or f"'{prefix}...' as '{own_prefix}...'" in str(carried)
        theirs = one.state_dict()
        for name in own:
            there = prefix + name.removeprefix(own_prefix)
            torch.testing.assert_close(other.state_dict()[name], theirs[there] + 1)


def test_weights_of_another_configuration_are_refused_with_the_tensor_and_nothing_changes(path):
    source, model = Backbone(1, 2, Structure()), Backbone(1, 3, replace(Structure(), groups=2, attention=False))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    says = (
        r"of another shape: dgm\.S1\.generate\.0\.weight is 4 x 4 x 1 x 1, not 4 x 8 x 1 x 1, .* and 11 more;"
        r" unused: stages\.S1\.0\.attention\.excite\.0\.bias, .* and [0-9]+ more"
    )
    with pytest.raises(BenchError, match=says):
        carry_over(model, saved_weights(source, path), strict=True)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_file_of_which_nothing_fits_is_refused(path):
    says = "holds no tensor that this network has, by name and shape: it holds bias, weight; the network has stem"
    with pytest.raises(BenchError, match=says):
        carry_over(Backbone(1, 2, Structure()), saved_weights(nn.Linear(3, 5), path))


def test_parts_that_fit_by_chance_are_not_moved(path):
    source = small(features=nn.Sequential(nn.Linear(2, 3), nn.Linear(50, 50)))
    model = small(stages=nn.Sequential(nn.Linear(2, 3), nn.Linear(60, 60)))
    with pytest.raises(BenchError, match="holds no tensor"):
        carry_over(model, saved_weights(source, path))


@pytest.mark.parametrize(
    ("name", "spoil", "says"),
    [
        (
            "w.safetensors",
            lambda whole: whole[:-40],
            r"w\.safetensors is not a complete safetensors file: .*copy it again",
        ),
        ("w.safetensors", lambda whole: b"", "is empty; download or copy it again"),
        ("w.safetensors", lambda whole: pickle.dumps({"w": 1}), "is a pickle under another name"),
        ("w.pt", lambda whole: whole, r"weights come from a \.safetensors file, not w\.pt: other formats can run code"),
        ("w", lambda whole: whole, r"weights come from a \.safetensors file, not w:"),
    ],
)
def test_incomplete_weight_files_are_refused(tmp_path, name, spoil, says):
    path = saved_weights(nn.Linear(9, 9), tmp_path / "whole.safetensors")
    (tmp_path / name).write_bytes(spoil(path.read_bytes()))
    with pytest.raises(BenchError, match=says):
        carry_over(nn.Linear(9, 9), tmp_path / name)


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(BenchError, match=r"no file .*none\.safetensors to read weights from"):
        carry_over(nn.Linear(9, 9), tmp_path / "none.safetensors")
