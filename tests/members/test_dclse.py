"""The network of DCL-SE is the published one, to the parameter."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from bench import registry
from bench.core import BenchError, Task
from bench.method import Batch
from bench.registry import make
from bench.training import model_cost
from bench.views import effective
from dclse.architecture import POSITIONS, WIDTHS, Structure
from dclse.blocks import LB1, LB2
from dclse.dgm import DynamicGroup
from dclse.network import Backbone

ON, OFF = {}, {"dgm": "none"}


def classes(count: int) -> Task:
    return Task("classification", "auc", tuple(str(at) for at in range(count)))


@pytest.mark.parametrize(
    ("params", "count", "parameters"),
    [
        (OFF, 2, 7434998), (OFF, 3, 7436279), (OFF, 4, 7437560), (ON, 2, 8060630), (ON, 3, 8061911), (ON, 4, 8063192),
    ],
)  # fmt: skip
def test_the_parameters_are_the_published_ones(params, count, parameters):
    model = make("methods", "dclse", params).build(classes(count), (3, 110, 110))
    assert model_cost.parameters(model) == parameters


@pytest.mark.parametrize(
    ("params", "side", "giga"), [(ON, 110, 0.2902), (OFF, 110, 0.2798), (ON, 224, 1.077), (OFF, 224, 1.045)]
)
def test_the_operations_are_two_for_each_published_multiplication(params, side, giga):
    found = model_cost.measure(make("methods", "dclse", params), classes(2), (3, side, side))
    assert found["forward_flops"] / 2e9 == pytest.approx(giga, abs=6e-5 if side == 110 else 6e-4)


@pytest.mark.parametrize(("name", "weights"), [("S1", 96), ("S4", 1536), ("S6", 9600), ("C1", 614400)])
def test_a_dgm_adds_three_eighths_of_the_squared_width(name, weights):
    width = WIDTHS[name]
    assert (
        sum(weight.numel() for weight in DynamicGroup(width, Structure()).parameters()) == weights == 3 * width**2 // 8
    )
    alone = make("methods", "dclse", {"dgm": (name,)}).build(classes(2), (3, 64, 64))
    assert model_cost.parameters(alone) == 7434998 + weights


def test_a_dgm_gates_each_pixel_and_mixes_within_its_groups():
    torch.manual_seed(0)
    dgm, x = DynamicGroup(8, Structure(ratio=2, groups=2)), torch.randn(2, 8, 5, 5)
    first, second, mix = (weight.squeeze() for weight in dgm.parameters())
    expected = torch.empty_like(x)
    for at, inside in ((slice(0, 4), slice(0, 2)), (slice(4, 8), slice(2, 4))):
        part = x[:, at].movedim(1, -1)  # (B, H, W, channels of the group)
        gate = torch.sigmoid(torch.relu(part @ first[inside].T) @ second[at].T)
        expected[:, at] = ((part * gate) @ mix[at].T).movedim(-1, 1)
    torch.testing.assert_close(dgm(x), expected)


def test_blocks_keep_or_halve_the_image():
    x = torch.randn(2, 16, 11, 11)
    assert LB1(16, 24, 6, Structure())(x).shape == (2, 24, 11, 11)
    assert LB2(16, 24, 6, Structure())(x).shape == (2, 24, 6, 6)
    assert LB1(16, 16, 6, Structure()).shortcut
    assert not LB1(16, 24, 6, Structure()).shortcut
    assert not LB1(16, 16, 6, Structure(), 2).shortcut
    assert LB1(16, 16, 6, Structure(), 2)(x).shape == (2, 16, 6, 6)
    assert LB2(16, 24, 6, Structure(), 1)(x).shape == (2, 24, 11, 11)


@pytest.mark.parametrize("stages", [(), ("S1", "S4"), ("S2", "S3", "S4", "S6"), tuple(f"S{at}" for at in range(1, 8))])
def test_where_the_block_of_several_branches_stands_is_a_parameter(stages):
    model = Backbone(3, 2, Structure(lb2=stages))
    assert {name for name, stage in model.stages.items() if isinstance(stage[0], LB2)} == set(stages)
    assert all(isinstance(block, LB1) for name, stage in model.stages.items() if name != "C1" for block in stage[1:])
    assert model.maps(torch.randn(2, 3, 65, 40))["C1"].shape == (2, 1280, 3, 2)


VARIANTS = {
    "released": {},
    "no DGM": OFF,
    "no attention": {"attention": False},
    "no third pointwise": {"pointwise": False},
    "no second branch": {"second_branch": False},
    "one branch": {"lb2": ()},
    "branches at every stage": {"lb2": "S1,S2,S3,S4,S5,S6,S7"},
    "other groups": {"dgm": "S4,C1", "dgm_groups": 2, "dgm_ratio": 8},
    "learnt groups": {"gpconv": "dynamic", "gpconv_penalty": 0.1},
    "learnt groups, eye": {"gpconv": "dynamic", "gpconv_rest": "eye", "dgm_groups": 2},
    "outputs of stages": {"auxiliary": True},
    "fusion": {"fusion": "attention"},
    "ramp": {"auxiliary": True, "dcl": "ramp"},
    "full": {"auxiliary": True, "dcl": "cur", "fusion": "attention", "gpconv": "dynamic", "dcl_sets": "hard"},
    "pools itself": {"view": "volume", "pooling": {"kind": "dynamic", "plane": "all"}},
}
TASKS = {
    "classes": Task("classification", "auc", ("a", "b", "c")),
    "numbers": Task("regression", "mae"),
    "masks": Task("segmentation", "dice", ("rest", "a", "b")),
}


def drawn(method, task, shape, scans=3):
    """A batch of noise as the method is shown it."""
    torch.manual_seed(0)
    view = effective(method.view_for(task), shape)
    x = view(torch.rand(scans, *shape), (2.0,) * (len(shape) - 1))
    x = (x - x.mean()) / x.std()
    targets = {
        "classification": torch.arange(scans) % 3,
        "regression": torch.randn(scans),
        "segmentation": torch.randint(3, (scans, *shape[1:])),
    }
    return Batch(x, targets[task.kind], torch.arange(scans), task, progress=0.2)


@pytest.mark.parametrize("shape", [(1, 40, 36, 33), (2, 37, 45)], ids=["volumes", "images"])
@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("name", VARIANTS)
def test_every_parameter_of_every_form_gets_a_gradient(name, kind, shape):
    method, task = make("methods", "dclse", VARIANTS[name]), TASKS[kind]
    if name == "pools itself" and len(shape) == 3 and kind != "masks":
        assert "pools the slices of volumes" in method.refuses(task, shape)
        return
    assert method.refuses(task, shape) is None
    batch = drawn(method, task, shape)
    model = method.build(task, tuple(batch.x.shape[1:]))
    losses = method.step(model.train(), batch)
    assert losses.shape == (3,)
    losses.mean().backward()
    idle = [
        each for each, weight in model.named_parameters() if weight.grad is None or not weight.grad.isfinite().all()
    ]
    assert not idle
    with torch.no_grad():
        answer = model.eval()(batch.x)
    assert answer.shape == ((3, task.outputs, *shape[1:]) if kind == "masks" else (3, task.outputs))


def test_the_defaults_are_the_released_network():
    method = make("methods", "dclse")
    assert method.dgm == POSITIONS == ("S1", "S4", "S6", "C1")
    assert (method.dgm_ratio, method.dgm_groups, method.optimiser, method.lr, method.weight_decay) == (
        4, 4, "adamw", 1e-3, 0.01,
    )  # fmt: skip
    view = method.view
    assert (view.kind_name, view.plane, view.coefficients, view.channels) == ("dynamic", "sagittal", "running", 3)


def test_the_dgm_is_a_parameter():
    assert make("methods", "dclse", {"dgm": "none"}).dgm == ()
    assert make("methods", "dclse", {"dgm": "S1,C1"}).dgm == ("S1", "C1")
    with pytest.raises(BenchError, match=r"no 'S9'; there are: S1, S4, S6, C1"):
        make("methods", "dclse", {"dgm": "S9"})
    with pytest.raises(BenchError, match="does not divide 4 channels after S1"):
        make("methods", "dclse", {"dgm_groups": 8})
    with pytest.raises(BenchError, match="at least 1"):
        make("methods", "dclse", {"dgm_ratio": 0})


def test_refusals_state_a_reason():
    method = make("methods", "dclse")
    assert method.refuses(classes(2), (1, 64, 64, 64)) is None
    assert method.refuses(classes(2), (3, 64, 64)) is None
    lines = make("methods", "dclse", {"masks": "projection"})
    assert "overlap in a projection" in lines.refuses(TASKS["masks"], (1, 64, 64, 64))
    assert lines.refuses(Task("segmentation", "dice", ("a", "b")), (1, 64, 64, 64)) is None


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"dcl": "cur"}, "set auxiliary"),
        ({"dcl_tolerance": 0.0}, "dcl_tolerance must be above 0"),
        ({"gpconv": "dynamic", "dgm_groups": 3}, "power of two"),
        ({"dgm_ratio": 3}, "does not divide the 16 channels after S1"),
        ({"pooling": "mean"}, "pooling must be a view of kind dynamic, not mean"),
        ({"slabs": "volume"}, "slabs must be a view of kind sliding"),
        ({"mask_slices": 0}, "mask_slices 1 or more"),
        ({"gpconv": "learnt"}, "gpconv"),
        ({"fusion": "sum"}, "fusion"),
    ],
)
def test_an_impossible_network_is_refused_at_once(params, says):
    with pytest.raises(BenchError, match=says):
        make("methods", "dclse", params)


@pytest.mark.parametrize("side", [1, 2, 7, 31])
def test_images_of_any_size_are_read(side):
    model = make("methods", "dclse").build(classes(2), (3, side, side + 1)).eval()
    assert model(torch.randn(2, 3, side, side + 1)).isfinite().all()


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (9, 5), (33, 64)])
def test_the_maps_of_the_stages_shrink_by_halves_rounded_up(size):
    model = Backbone(1, None, Structure())
    taps = model.taps(torch.randn(2, 1, *size))
    assert tuple(taps) == POSITIONS
    for (name, found), halvings in zip(taps.items(), (1, 4, 5, 5), strict=True):
        assert found.shape == (2, WIDTHS[name], *(-(-side // 2**halvings) for side in size))


@pytest.mark.parametrize("structure", [Structure(), Structure(gpconv="dynamic", second_branch=False)])
def test_the_layout_of_memory_changes_no_number(structure):
    torch.manual_seed(0)
    model, x = Backbone(3, 2, structure).double(), torch.randn(3, 3, 70, 50, dtype=torch.float64)
    found = []
    for answer in (model.head(_rows_first(model, x).mean((2, 3))), model(x)):
        model.zero_grad()
        answer.square().sum().backward()
        found.append((answer.detach(), *(weight.grad.clone() for weight in model.parameters())))
    assert model.maps(x)["S4"].is_contiguous(memory_format=torch.channels_last)
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-9)


def _rows_first(model, x):
    """C1 as the layers give it in torch's own layout."""
    x = model.stem(x)
    for name, stage in model.stages.items():
        x = stage(x).contiguous()
        x = model.dgm[name](x) if name in model.dgm else x
    return x


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        ({"dgm": ("S1", "S9")}, "after 'S9'; choose from S1, S4, S6, C1"),
        ({"dgm": ("S2",)}, "after 'S2'"),
        ({"lb2": ("C1",)}, "no stage 'C1' that can begin with LB2; choose from S1, S2, S3"),
        ({"groups": 3}, "dgm_groups=3 does not divide 16 channels after S1"),
        ({"groups": 8}, "dgm_groups=8 does not divide 4 channels after S1"),
        ({"ratio": 3}, "dgm_ratio=3 does not divide the 16 channels after S1"),
        ({"ratio": 32}, "dgm_ratio=32 does not divide the 16 channels after S1"),
        ({"ratio": 0}, "at least 1"),
        ({"groups": -4}, "at least 1"),
        ({"gpconv": "learnt"}, "gpconv must be one of fixed, dynamic, not 'learnt'"),
        ({"gpconv": "dynamic", "rest": "zeros"}, "rest must be one of ones, eye, not 'zeros'"),
        ({"gpconv": "dynamic", "groups": 6}, "power of two"),
    ],
)
def test_a_network_that_cannot_be_is_not_built(choices, says):
    with pytest.raises(BenchError, match=says):
        Backbone(3, 2, Structure(**choices))


def test_a_flat_scan_gives_a_number():
    method = make("methods", "dclse")
    flat = method.view(torch.full((1, 1, 20, 20, 20), 3.0), (1.0,) * 3)
    assert method.build(classes(2), (3, 20, 20)).eval()(flat).isfinite().all()


def test_listing_it_does_not_load_torch():
    code = "import sys, dclse; assert dclse.METHOD; assert not {'torch', 'numpy', 'ray'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert registry.describe("methods", "dclse")["family"] == "dclse"


@pytest.mark.parametrize(("sides", "positions"), [((91, 30), "3 x 1"), ((64, 33), ""), ((33, 32), "2 x 1")])
def test_a_last_stage_of_one_position_along_an_axis_is_noted(sides, positions):
    model = Backbone(3, None, Structure())
    method = make("methods", "dclse")
    note = method.note((3, *sides))
    assert (f"its last stage has {positions} positions" in note) if positions else note == ""
    assert min(model.maps(torch.rand(2, 3, *sides))["C1"].shape[2:]) == (1 if positions else 2)
