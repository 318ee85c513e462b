"""Operations counted are operations done: closed forms for what is easily miscounted."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from bench import registry
from bench.analysis.speed import compare_speed
from bench.core import BenchError, Recipe, Split, Task, Trial
from bench.data.prepare import prepare
from bench.registry import make
from bench.report.tables.results import Run
from bench.report.tables.scores_table import mean_cost, not_measurable
from bench.training import model_cost
from bench.training.energy import EnergyMeter
from bench.views import dynamic_image, rank_pooling_weights

TWO = Task("classification", "auc", ("a", "b"))


@pytest.mark.parametrize(
    ("layer", "shape", "products"),
    [
        (nn.Conv2d(8, 12, 3, padding=1), (8, 10, 9), 10 * 9 * 12 * 8 * 9),
        (nn.Conv2d(8, 12, 3, padding=1, groups=4), (8, 10, 9), 10 * 9 * 12 * (8 // 4) * 9),
        (nn.Conv2d(8, 8, 5, padding=2, groups=8), (8, 10, 9), 10 * 9 * 8 * 25),
        (nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8), (8, 10, 10), 5 * 5 * 8 * 9),
        (nn.Conv3d(2, 4, 3, groups=2), (2, 6, 7, 8), 4 * 5 * 6 * 4 * 27),
        (nn.Linear(30, 7), (30,), 30 * 7),
    ],
    ids=["dense", "grouped", "depthwise", "strided depthwise", "grouped 3D", "linear"],
)
def test_forward_operations_are_the_closed_form(layer, shape, products):
    assert model_cost.forward_flops(layer, shape) == 2 * products


class Pooling(nn.Module):
    """Rank pooling as a layer."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, x):
        return dynamic_image(x, rank_pooling_weights(x.shape[2 + self.axis]), self.axis)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_rank_pooling_costs_two_operations_a_voxel(axis):
    assert model_cost.forward_flops(Pooling(axis), (1, 11, 12, 13)) == 2 * 11 * 12 * 13


def test_measuring_changes_nothing():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model_cost.forward_flops(model, (1, 8, 8))
    assert model_cost.seconds_per_scan(model, (1, 8, 8), repeats=1) > 0
    assert model.training
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, before[name])


def test_frozen_parameters_are_not_counted():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    assert model_cost.parameters(model) == 10


def test_measure_returns_the_cost_of_a_method():
    found = model_cost.measure(make("methods", "linear"), TWO, (1, 4, 5, 6), timed=True)
    assert found.pop("seconds_per_scan") > 0
    assert found == {"parameters": 242, "forward_flops": 2 * 240}


def test_a_shape_that_a_network_does_not_support_is_reported():
    with pytest.raises(BenchError, match=r"cannot read scans of \(3, 8\)"):
        model_cost.measure(make("methods", "dclse"), TWO, (3, 8))


def test_peak_memory_is_that_of_this_process():
    model_cost.reset_peak_memory("cpu")
    assert 20 < model_cost.peak_memory_mb(torch.device("cpu")) < 1e6


class Zone:
    """A counter of energy as Linux shows it."""

    def __init__(self, root, name, kind="package-0", highest=1_000_000_000):
        self.folder = root / name
        self.folder.mkdir()
        (self.folder / "name").write_text(kind + "\n")
        (self.folder / "max_energy_range_uj").write_text(str(highest))
        self.at(0)

    def at(self, microjoules):
        (self.folder / "energy_uj").write_text(str(microjoules))


def test_processor_energy_is_that_of_the_packages_and_survives_counter_overflow(tmp_path):
    first, second = Zone(tmp_path, "intel-rapl:0"), Zone(tmp_path, "intel-rapl:1", "package-1")
    part = Zone(tmp_path, "intel-rapl:0:0", "core")
    first.at(900_000_000)
    meter = EnergyMeter(torch.device("cpu"), tmp_path)
    first.at(100_000_000)  # over the top: 100 J up to it, 100 J since
    second.at(3_000_000)
    part.at(50_000_000)  # is in its package
    assert meter.joules() == pytest.approx(203)


def test_uncounted_energy_is_not_measurable_and_never_0(tmp_path):
    assert EnergyMeter(torch.device("cpu"), tmp_path).joules() is None
    assert EnergyMeter(torch.device("cpu"), tmp_path / "gone").joules() is None
    zone = Zone(tmp_path, "intel-rapl:0")
    (zone.folder / "energy_uj").write_text("?")
    assert EnergyMeter(torch.device("cpu"), tmp_path).joules() is None


def test_energy_of_a_board_is_that_which_nvml_counts(monkeypatch):
    import pynvml

    counted = iter([1_000_000, 1_450_000])  # mJ
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="1-2"))
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByUUID", lambda uuid: {"GPU-1-2": "board"}[uuid])
    monkeypatch.setattr(pynvml, "nvmlDeviceGetTotalEnergyConsumption", lambda board: next(counted))
    assert EnergyMeter(torch.device("cuda")).joules() == pytest.approx(450)

    def refuse(board):
        raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    monkeypatch.setattr(pynvml, "nvmlDeviceGetTotalEnergyConsumption", refuse)
    assert EnergyMeter(torch.device("cuda")).joules() is None


def test_the_table_marks_what_could_not_be_measured(tmp_path):
    """Distinguishes measured, not measurable on that machine, and not recorded, as in older records."""
    runs = {
        "known": [{"train_joules": 1500.0}, {"train_joules": None}],
        "not": [{"train_joules": None}],
        "old": [{}],
    }
    made = {arm: [Run({}, SimpleNamespace(status="done", cost=each)) for each in costs] for arm, costs in runs.items()}
    assert {arm: not_measurable(each, "train_joules") for arm, each in made.items()} == {
        "known": False, "not": True, "old": False,
    }  # fmt: skip
    assert mean_cost(made["known"], "train_joules") == 1500


def test_arms_alternate_and_a_slower_one_is_measured_as_slower(plugins):
    made = prepare("tiny_volumes")
    recipe = Recipe(steps=1000, batch_size=4, points=5)
    trials = {
        name: Trial(made.spec, registry.spec("methods", method, params), Split(folds=2), recipe=recipe)
        for name, method, params in (
            ("quick", "tiny_net", {}), ("slow", "tiny_net", {"pause": 0.02}), ("student", "tiny_student", {}),
            ("constant", "constant", {}), ("refused", "tiny_net", {"fault": "refuse"}), ("misfit", "monai3d", {}),
        )
    }  # fmt: skip
    observed = []
    found = {one.arm: one for one in compare_speed(trials, 2, lambda done, total: observed.append((done, total)))}
    assert observed == [(1, 3), (2, 3), (3, 3)]
    assert len(found["quick"].step) == len(found["quick"].scan) == len(found["student"].step) == 2
    assert min(found["slow"].step) > 0.02 > max(found["quick"].step)
    assert found["constant"].step == ()
    assert min(found["constant"].scan) > 0
    assert found["refused"].why == "RefusalError: asked to refuse"
    assert "cannot read volumes of" in found["misfit"].why
    with pytest.raises(BenchError, match="at least 2 rounds"):
        compare_speed(trials, 1)


def test_the_command_times_a_study_and_the_report_shows_it(plugins, tmp_path, capsys, monkeypatch, one_format):
    from bench import report
    from bench.cli import app
    from bench.report import tables

    with monkeypatch.context() as patched:
        patched.setattr(report, "build", lambda *given: tmp_path)
        app(["run", "--study", "tiny", "--launcher", "serial"], standalone_mode=False)
    capsys.readouterr()
    app(["cost", "--study", "tiny", "--arm", "net", "--arm", "constant", "--rounds", "2"], standalone_mode=False)
    assert "median of 2 rounds" in capsys.readouterr().out
    page = report.build("tiny", tmp_path / "results").read_text()
    assert "Seconds side by side" in page
    assert "Training (kJ)" in page
    (section,) = tables.read("tiny", tmp_path / "results").sections
    measured = [run.record.cost["train_joules"] is not None for arm in section.arms for run in section.of(arm)]
    assert ("not measurable" in page) is not all(measured)
    assert section.of("net")[0].record.cost.keys() >= {"train_joules", "peak_memory_mb"}
    with pytest.raises(BenchError, match="has no arm 'nett'"):
        app(["cost", "--study", "tiny", "--arm", "nett"], standalone_mode=False)
    with pytest.raises(BenchError, match=r"give methods and --dataset NAME \(or --shape\), or --study NAME"):
        app(["cost"], standalone_mode=False)
    app(["cost", "linear", "constant", "--shape", "1,4,5,6"], standalone_mode=False)
    assert "242" in capsys.readouterr().out
