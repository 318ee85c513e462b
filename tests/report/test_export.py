"""Curves and scores for other tools: what is written is what the records hold, and nothing of the people in it."""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import replace

import pytest
from synthetic_results import ArmSpec, DataSetSpec, write
from typer.testing import CliRunner

from bench import cli
from bench.core import BenchError
from bench.report import export, tables
from bench.storage.record_store import Store

CURVE = [
    {"step": 5, "train_loss": 0.9, "val_loss": 0.8, "val": 0.55, "test": 0.5, "watched": {"groups": 4.0}},
    {"step": 10, "train_loss": 0.7, "val_loss": float("nan"), "val": 0.6, "test": 0.52},
]


def study(root):
    """A study of two arms on two data sets, whose runs have curves."""
    return tables.gather(
        write(
            root,
            {"net": ArmSpec(0.5), "lost": ArmSpec(0.5, failed={0: "nan"})},
            [DataSetSpec(), DataSetSpec("ad_other")],
            folds=2,
        ),
        Store(root),
    )


def with_curves(results):
    for section in results.sections:
        for number, run in enumerate(section.runs):
            if run.done:
                object.__setattr__(section.runs[number], "record", replace(run.record, curve=CURVE))
    return results


def test_event_files_of_tensorboard_hold_the_curve_and_the_scores(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    results = with_curves(study(tmp_path / "results"))
    assert export.export(results, "tensorboard", tmp_path / "out") == 6  # a failed run has nothing to show
    folders = sorted(path.parent for path in (tmp_path / "out").rglob("events.*"))
    assert len(folders) == 6
    run = next(run for run in results.sections[0].runs if run.cell.arm == "net" and run.cell.fold == 1)
    (folder,) = (path for path in folders if path.name.endswith(run.cell.key[:6]))
    read = EventAccumulator(str(folder))
    read.Reload()
    assert [(e.step, pytest.approx(e.value)) for e in read.Scalars("train/loss")] == [(5, 0.9), (10, 0.7)]
    assert [(e.step, pytest.approx(e.value)) for e in read.Scalars("validation/auc")] == [(5, 0.55), (10, 0.6)]
    assert [e.step for e in read.Scalars("validation/loss")] == [5]  # what is no number is no point
    assert [e.step for e in read.Scalars("watched/groups")] == [5]
    (score,) = read.Scalars("test/auc")
    assert (score.step, score.value) == (10, pytest.approx(run.score("auc")))


def test_an_export_again_writes_no_run_twice(tmp_path):
    pytest.importorskip("tensorboard")
    results = study(tmp_path / "results")
    for _ in range(2):
        export.export(results, "tensorboard", tmp_path / "out")
    assert len(list((tmp_path / "out").rglob("events.*"))) == 6


@pytest.mark.skipif(importlib.util.find_spec("mlflow") is None, reason="mlflow is not installed: an optional extra")
def test_the_file_store_of_mlflow_holds_parameters_curve_and_scores(tmp_path):
    import mlflow

    results = with_curves(study(tmp_path / "results"))
    for _ in range(2):
        export.export(results, "mlflow", tmp_path / "out")
    client = mlflow.MlflowClient(tracking_uri=(tmp_path / "out").as_uri())
    runs = client.search_runs([client.get_experiment_by_name("toy").experiment_id])
    assert len(runs) == 6
    mine = next(run for run in runs if run.data.params["arm"] == "net" and run.data.params["data"] == "ad_toy")
    assert mine.data.params["method.rate"] == "0.001"
    assert [(m.step, m.value) for m in client.get_metric_history(mine.info.run_id, "train/loss")] == [
        (5, 0.9),
        (10, 0.7),
    ]
    run = next(run for run in results.sections[0].runs if run.cell.key == mine.data.tags["dclse_bench.key"])
    assert mine.data.metrics["test/auc"] == pytest.approx(run.score("auc"))


def test_nothing_of_an_export_names_a_person_or_a_folder(tmp_path):
    from bench.report.export.run_data import collect_runs

    results = study(tmp_path / "results")
    words = json.dumps([[run.name, dict(run.params), dict(run.scores)] for run in collect_runs(results)])
    assert "AD_TOY" not in words
    assert str(tmp_path) not in words


@pytest.mark.parametrize("sink", export.SINKS)
def test_no_file_of_an_export_names_the_machine_the_process_the_user_or_a_folder(tmp_path, monkeypatch, sink):
    pytest.importorskip(sink)
    monkeypatch.setattr("socket.gethostname", lambda: "wardserver7")
    monkeypatch.setattr("platform.node", lambda: "wardserver7")
    monkeypatch.setattr("getpass.getuser", lambda: "annabell")
    monkeypatch.setattr("os.getpid", lambda: 7654321)
    for name, value in {"USER": "annabell", "LOGNAME": "annabell", "HOME": str(tmp_path / "annabell")}.items():
        monkeypatch.setenv(name, value)
    out = tmp_path / "annabell" / "out"
    export.export(study(tmp_path / "results"), sink, out)
    files = [path for path in out.rglob("*") if path.is_file()]
    assert len(files) >= 6
    for path in files:
        text = str(path.relative_to(out)) + path.read_bytes().decode("latin-1")
        for word in ("wardserver7", "annabell", "7654321", str(tmp_path)):
            assert word not in text, (path, word)


@pytest.mark.parametrize("name", export.SINKS)
def test_a_missing_extra_is_one_line_that_says_what_to_install(name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    for module in [module for module in sys.modules if module.startswith(f"{name}.")]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, f"bench.report.export.{name}_files", raising=False)
    with pytest.raises(BenchError, match=rf"{name} is not installed .*; run: pip install 'dclse-bench\[{name}\]'"):
        export.export(study(tmp_path), name, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_wrong_export_format_gets_the_nearest_name_and_an_unfinished_study_is_refused(tmp_path):
    with pytest.raises(BenchError, match="no sink 'tensorbord'; did you mean 'tensorboard'"):
        export.export(study(tmp_path), "tensorbord", tmp_path / "out")
    pytest.importorskip("tensorboard")
    empty = tables.gather(write(tmp_path / "e", {"net": ArmSpec(missing=range(2))}, folds=2), Store(tmp_path / "e"))
    with pytest.raises(BenchError, match="no run of toy is finished yet"):
        export.export(empty, "tensorboard", tmp_path / "out")


def test_the_command_says_how_many_runs_and_how_to_look_at_them(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    study(tmp_path / "results")
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path / "results"))
    done = CliRunner().invoke(
        cli.app, ["export", "--study", "toy", "--to", "tensorboard", "--out", str(tmp_path / "o")]
    )
    assert done.exit_code == 0, done.output
    assert "6 runs of toy written" in done.output
    assert f"tensorboard --logdir {tmp_path / 'o'}" in done.output


def test_the_command_says_how_to_view_the_mlflow_export(tmp_path, monkeypatch):
    pytest.importorskip("mlflow")
    study(tmp_path / "results")
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path / "results"))
    done = CliRunner().invoke(cli.app, ["export", "--study", "toy", "--to", "mlflow", "--out", str(tmp_path / "o")])
    assert done.exit_code == 0, done.output
    assert f"mlflow ui --backend-store-uri {tmp_path / 'o'} (needs the full package: pip install mlflow" in done.output
