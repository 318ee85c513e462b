"""The folds of a study that was run: of its data with a label, and predictions that join them."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from command_line import run_command

from bench import registry
from bench.data.prepare import prepare
from bench.experiments.outside.outside_records import Declaration
from bench.experiments.outside.score_predictions import ScoreRequest, score_predictions
from bench.experiments.plan import cells, plan_file
from bench.experiments.plan.resolve_data import ResolvedData


def test_the_folds_of_a_study_are_those_of_its_labelled_data_and_predictions_join_them(
    plugins, tmp_path, one_format, capsys, monkeypatch
):
    spec = prepare("tiny_volumes").spec
    data = [ResolvedData(spec, fraction=0.5, label="some"), ResolvedData(spec, label="all")]
    study = replace(registry.study("pair"), folds=3, partitions=1)
    plan_file.write("labelled", study, data, cells(study, data))
    status, text = run_command(capsys, monkeypatch, "folds", "tiny_volumes", "--study", "labelled", "--out", "f.csv")
    assert "has several data of tiny_volumes; give one of: some@50, all" in text
    status, text = run_command(
        capsys, monkeypatch, "folds", "all", "--study", "labelled", "--folds", "3", "--out", "f.csv"
    )
    assert (status, "leave out --folds" in text) == (2, True)
    status, text = run_command(capsys, monkeypatch, "folds", "some@50", "--study", "labelled", "--out", "folds.csv")
    assert status == 0, text
    folds = pd.read_csv(tmp_path / "folds.csv")
    assert set(folds["data"]) == {"some@50"}
    assert folds["part"].value_counts()["test"] == 32
    tested = folds[folds["part"] == "test"][["partition", "fold", "id"]]
    tested.assign(probability_healthy=0.5, probability_patient=0.5).to_csv(tmp_path / "even.csv", index=False)
    given = ScoreRequest(
        tmp_path / "even.csv", "some@50", Declaration("theirs", "folds"), study="labelled", new="joined"
    )
    scores = pd.read_csv(score_predictions(given, tmp_path / "results").parent / "scores.csv")
    row = scores[scores["arm"] == "theirs (not trained here)"]
    assert (row["data"].tolist(), row["score"].tolist()) == (["some@50"], [0.5])
