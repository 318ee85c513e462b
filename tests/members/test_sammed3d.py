"""The image encoder of SAM-Med3D gives what the authors' program gives, on every grid that the program can read.

tests/golden/sammed3d_maps.json has every seventh number of the first three channels of the map that the program of the
authors (uni-medical/SAM-Med3D) computed in float64 with 6 times the numbers of `published_files.filled`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from published_files import file_params, filled, prefixed, some

from baselines import _sammed3d_network
from baselines._sammed3d_network import Attention, Classifier, Encoder, resampling
from bench.core import BenchError, Task
from bench.registry import make
from bench.weights import carried_by
from bench.weights.published_layouts import recognised
from bench.weights.weights_conversion import inspect

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/sammed3d_maps.json").read_text())
TWO = Task("classification", "auc", ("a", "b"))


@pytest.mark.parametrize(("case", "window"), [("one window, not filled", 14), ("windows, some not filled", 2)])
def test_maps_are_those_of_the_authors_program(case, window, monkeypatch):
    monkeypatch.setattr(_sammed3d_network, "WINDOW", window)
    model = Encoder(1, 16, 8, 2, 3)
    state = filled({name: tuple(value.shape) for name, value in model.state_dict().items()})
    model.load_state_dict({name: 6 * value for name, value in state.items()})
    x = torch.linspace(-1, 1, 48**3).sin().reshape(1, 1, 48, 48, 48) + torch.linspace(0, 40, 48).cos()
    with torch.no_grad():
        found = model.double().map(x.double())[0, :3].flatten()[::7]
    torch.testing.assert_close(found, torch.tensor(GOLDEN[case], dtype=torch.float64), rtol=0, atol=2e-6)


@pytest.mark.parametrize("sizes", [(4, 4, 4), (3, 3, 3), (4, 4, 2), (2, 4, 4), (4, 2, 4), (1, 3, 4), (3, 2, 1)])
def test_positions_of_zeros_count_as_if_they_were_there(sizes):
    torch.manual_seed(0)
    layer = Attention(6, 2, 4).double()
    for weight in layer.parameters():
        weight.data.normal_()
    x = torch.randn(2, *sizes, 6, dtype=torch.float64, requires_grad=True)
    whole = torch.zeros(2, 4, 4, 4, 6, dtype=torch.float64)
    inside = (slice(None), *(slice(size) for size in sizes))
    whole[inside] = x
    expected = by_the_equation(layer, whole)[inside]
    torch.testing.assert_close(layer(x, 4), expected)
    (one,) = torch.autograd.grad(layer(x, 4).sin().sum(), x, retain_graph=True)
    (other,) = torch.autograd.grad(expected.sin().sum(), x)
    torch.testing.assert_close(one, other)


def by_the_equation(layer: Attention, x: torch.Tensor) -> torch.Tensor:
    """The attention over a cube, place by place, as the head of the module states it."""
    places = [tuple(place) for place in torch.cartesian_prod(*[torch.arange(4)] * 3).tolist()]
    rows = []
    for scan in x:
        heads = []
        for head in range(2):
            own = slice(3 * head, 3 * head + 3)
            parts = layer.qkv.weight.reshape(3, 6, 6)[:, own], layer.qkv.bias.reshape(3, 6)[:, own]
            q, k, v = ({at: scan[at] @ w.T + b for at in places} for w, b in zip(*parts, strict=True))
            found = []
            for d, h, w in places:
                logits = [
                    q[d, h, w] @ k[key] / 3**0.5
                    + q[d, h, w] @ layer.rel_pos_d[d - key[2] + 3]
                    + q[d, h, key[0]] @ layer.rel_pos_h[h - key[2] + 3]
                    + q[d, h, key[1]] @ layer.rel_pos_w[key[1] - key[2] + 3]
                    for key in places
                ]
                found.append(torch.stack(logits).softmax(0) @ torch.stack([v[key] for key in places]))
            heads.append(torch.stack(found))
        rows.append(layer.proj(torch.cat(heads, 1)).reshape(4, 4, 4, 6))
    return torch.stack(rows)


@pytest.mark.parametrize(("before", "after"), [(8, 3), (3, 8), (15, 9), (5, 5)])
def test_positions_are_resampled_as_torch_does(before, after):
    values = torch.randn(before, 4)
    expected = torch.nn.functional.interpolate(values.T[None], after, mode="linear")[0].T
    torch.testing.assert_close(resampling(before, after, values) @ values, expected)


def test_positions_of_another_cube_are_those_of_torch_on_three_axes():
    model = Encoder(1, 8, 1, 1, 4)
    model.blocks, model.neck = torch.nn.ModuleList(), torch.nn.Identity()
    model.pos_embed.data.normal_()
    torch.nn.init.zeros_(model.patch_embed.proj.weight)
    torch.nn.init.zeros_(model.patch_embed.proj.bias)
    expected = torch.nn.functional.interpolate(model.pos_embed.movedim(4, 1), (6, 6, 6), mode="trilinear")
    torch.testing.assert_close(model.map(torch.zeros(1, 1, 90, 96, 17)), expected)


def test_the_network_has_the_tensors_of_the_published_one():
    with torch.device("meta"):
        state = Encoder(1, 768, 12, 12, 8).state_dict()
    assert len(state) == 189
    assert sum(tensor.numel() for tensor in state.values()) == 92_924_928
    assert state["blocks.1.attn.rel_pos_h"].shape == (27, 64)  # a window
    assert {len(state[f"blocks.{at}.attn.rel_pos_h"]) for at in (2, 5, 8, 11)} == {15}  # the whole scan


@pytest.mark.parametrize("sizes", [(16, 16, 16), (33, 18, 20), (9, 40, 17)])
def test_scans_of_every_size_are_read(sizes):
    model = Classifier(2, 3, 16, 2, 2, 4)
    assert model(torch.randn(2, 2, *sizes)).shape == (2, 3)


def test_a_published_file_begins_the_network(tmp_path):
    state = Encoder(1, 64, 4, 4, 3).state_dict()
    values = filled({name: tuple(value.shape) for name, value in state.items()})
    more = some({"prompt_encoder.no_mask_embed.weight": (1, 4), "mask_decoder.iou_token.weight": (1, 4)})
    path = tmp_path / "sam_med3d.pth"
    torch.save({"model_state_dict": prefixed(values, "image_encoder.") | more}, path)
    assert inspect(path).arm == ("sammed3d", {"width": 64, "depth": 4, "heads": 4, "side": 3})
    method, params = file_params(path, tmp_path / "o.safetensors")
    made = make("methods", method, params)
    made.check()
    model = made.build(TWO, (1, 40, 40, 40))
    (carried,) = carried_by(model).values()
    assert carried.missing == ("head.weight", "head.bias")
    assert not carried.unused
    assert not carried.adapted
    assert all(torch.equal(model.state_dict()[name], value) for name, value in values.items())


def test_the_arm_of_the_published_network_states_its_width_and_heads():
    with torch.device("meta"):
        state = prefixed(Encoder(1, 768, 12, 12, 8).state_dict(), "image_encoder.")
    layout = recognised(state)
    assert layout.arm(layout.converted(state)) == ("sammed3d", {"width": 768, "heads": 12})


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(BenchError, match="5 heads do not divide a width of 384"):
        make("methods", "sammed3d", {"heads": 5})
