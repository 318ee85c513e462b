"""`bench plan`: counts, estimates, and the errors that it reports before a run."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from documented_blocks import blocks

import bench
from bench import registry
from bench.cli import main
from bench.core import PROTOCOL, Arm, BenchError, Data, Design, Factor, RandomLabels, Study, plain
from bench.data.prepare import prepare
from bench.experiments.plan import check
from bench.experiments.plan.resolve_data import ResolvedData
from bench.experiments.plan_words import plan_words
from bench.experiments.planned_study import plan_cells
from bench.experiments.prepare_study import StudyRequest, plan_study
from bench.storage.atomic_io import json_checksum

TWO = {
    "fault": Factor({"none": {}, "nan": {"fault": "nan"}}, "none"),
    "dropout": Factor({"no": {}, "yes": {"dropout": 0.5}}, "no"),
}
THREE = {**TWO, "dropout": Factor({"no": {}, "some": {"dropout": 0.2}, "half": {"dropout": 0.5}}, "no")}


@pytest.mark.parametrize(
    ("factors", "design", "pairs"),
    [
        (TWO, Design(), 2),
        (TWO, Design("full"), 4),  # of each factor two pairs of the four
        (TWO, Design("full", interactions=[("fault", "dropout")]), 6),
        (THREE, Design("full"), 3 + 2 + 2),
        (TWO, Design(interactions=[("fault", "dropout")]), 1 + 1 + 2),
    ],
)
def test_the_runs_that_effects_compare_are_counted(plugins, factors, design, pairs):
    study = replace(registry.study("tiny"), arms={}, again=None, random_labels=None, floors=[], reference="control")
    study = replace(study, base=Arm("tiny_net"), factors=factors, design=design)
    found = plan_cells("tiny", study, [ResolvedData(prepare("tiny_volumes").spec)], [])
    assert found.pairs == pairs * study.folds


def test_only_the_runs_with_random_labels_are_called_so(plugins):
    arms = {"net": Arm("tiny_net"), "net (random labels)": Arm("tiny_net", {"dropout": 0.5}), "linear": Arm("constant")}
    study = replace(registry.study("tiny"), arms=arms, again=None, random_labels=RandomLabels("linear", 3), floors=[])
    found = plan_cells("tiny", study, [ResolvedData(prepare("tiny_volumes").spec)], [])
    trials = {row.label: row.trials for row in found.rows()}
    folds = study.folds
    assert trials == {
        "net": folds, "net (random labels)": folds, "linear": folds, "linear (random labels)": 3 * folds
    }  # fmt: skip


def test_an_arm_may_not_have_the_label_of_the_random_labels_of_another():
    arms = {"net": Arm("constant"), "net (random labels)": Arm("boosting")}
    study = Study("Q?", [Data("phantom_ad")], "net", arms=arms, random_labels=RandomLabels("net"))
    with pytest.raises(BenchError, match=r"two arms named 'net \(random labels\)'; rename one"):
        check(study, "mine")


def test_a_light_form_quotes_no_cost_of_the_full_one():
    assert registry.study("seeds").cost
    lines = plan_study(StudyRequest("seeds", phantoms=True)).lines()
    assert any("runs in its light form" in line for line in lines)
    assert not any("cost given by the study" in line for line in lines)


def test_the_plan_says_which_arms_read_scans_that_are_too_small_for_them(plugins):
    arms = {"net": Arm("tiny_net"), "DCL-SE": Arm("dclse"), "DCL-SE, mean": Arm("dclse", {"view": "mean"})}
    patches = {"patches": Arm("monaiseg", {"patch": [16, 16, 16]})}  # refused: these scans have no masks
    study = replace(registry.study("tiny"), arms=arms | patches, again=None, random_labels=None, floors=[])
    found = plan_cells("tiny", study, [ResolvedData(prepare("tiny_volumes").spec)], [])
    (refusal,) = found.refusals
    assert (
        refusal == "tiny_volumes: patches: it will be refused: it predicts a mask, not one class or number for a scan"
    )
    (remark,) = found.method_notes
    assert remark.startswith("tiny_volumes: DCL-SE; DCL-SE, mean: it reads images of 12 x 12 pixels; ")
    assert remark in found.lines()
    assert remark in found.summary()["notes"]


@pytest.mark.parametrize(
    ("arm", "message"),
    [
        ('Arm("timm2d", {"network": "resnet19"})', "no network 'resnet19'"),
        ('Arm("monai3d", {"network": "ResNet19"})', "no classifier 'ResNet19'; did you mean 'ResNet'?"),
        ('Arm("timm2d", {"weights": "w.bin", "checksum": "0"})', "w.bin"),
    ],
)
def test_the_plan_reports_missing_networks_and_weights(tmp_path, monkeypatch, capsys, arm, message):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "w.bin").write_bytes(b"\x80\x04pickle")
    (tmp_path / "plugins" / "wrong.py").write_text(
        "from bench.core import Arm, Data, Study\n"
        f"STUDY = Study('Is it there?', [Data('phantom_ad')], 'a', arms={{'a': {arm}}})\n"
    )
    monkeypatch.setenv("BENCH_PLUGINS", str(tmp_path / "plugins"))
    monkeypatch.setattr("sys.argv", ["bench", "plan", "--study", "wrong"])
    registry.clear_cache()
    with pytest.raises(SystemExit) as ended:
        main()
    registry.clear_cache()
    assert ended.value.code == 2
    output = capsys.readouterr().err
    assert output.startswith("bench: arm 'a' of the study wrong: ")
    assert message in output


def test_the_study_of_the_guide_uses_the_parameters_of_each_fold(tmp_path, monkeypatch):
    (block,) = [block.text for block in blocks("python") if "tuned=" in block.text]
    (tmp_path / "plugins" / "tuned").mkdir(parents=True)
    (tmp_path / "plugins" / "searched_before.py").write_text(block)
    monkeypatch.setenv("BENCH_PLUGINS", str(tmp_path / "plugins"))
    registry.clear_cache()
    searched = plan_study(StudyRequest("hpo_dclse", phantoms=True))
    study = replace(registry.study("hpo_dclse"), floors=[])
    sets = []
    for cell in plan_cells("hpo_dclse", study, searched.data, []).cells:
        entry = plain(cell.trial)
        parts = {name: entry[name] for name in ("method", "curriculum", "data", "split", "labels", "partition", "fold")}
        sets.append({**parts, "params": {"lr": 0.001 * (1 + cell.trial.fold)}, "cost": {"trials": 40}})
    found = {"study": "hpo_dclse", "protocol": PROTOCOL, "sets": sets}
    (tmp_path / "plugins" / "tuned" / "hpo_dclse.json").write_text(json.dumps({**found, "seal": json_checksum(found)}))
    cells = [cell for cell in plan_study(StudyRequest("searched_before", phantoms=True)).cells if cell.arm == "tuned"]
    registry.clear_cache()
    rates = [cell.trial.method.params["lr"] for cell in cells]
    assert rates == pytest.approx([0.001, 0.002, 0.003, 0.004, 0.005])


def test_the_arms_that_are_named_are_planned_alone_with_what_they_need(plugins):
    whole, alone = bench.plan("tiny"), bench.plan("tiny", arms=["net"])
    assert {cell.arm for cell in whole.cells} > {cell.arm for cell in alone.cells} == {"net", "net (A/A)"}
    assert set(alone.trials) < set(whole.trials)
    with pytest.raises(BenchError, match="has no arm 'nett'; did you mean 'net'"):
        bench.plan("tiny", arms="nett")


def test_arms_that_will_be_refused_are_named_before_the_first_run(plugins, tmp_path):
    planned = bench.plan("main_comparison", datasets="phantom_bt_mri", phantoms=True, arms=["SFCN", "constant"])
    (line,) = planned.refusals
    assert line == "phantom_bt_mri: SFCN: it will be refused: it reads volumes, but this data set has images"
    assert plan_words(planned, planned.power)[0].endswith("none is done. Arms that will be refused are named below.")
