"""MLflow: runs in a local file store. View them with `mlflow ui` of the whole package, with
MLFLOW_ALLOW_FILE_STORE=true.

No run has artifacts. Their place is a name that MLflow resolves where it is viewed, so that no file holds the path of
the folder that was exported to.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from urllib.parse import quote

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # before the import: no telemetry
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # MLflow prefers a database

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from bench.core import BenchError
from bench.report.export.run_data import RunExport
from bench.report.tables import Results
from bench.storage.atomic_io import disk_errors

ARTIFACTS = "mlflow-artifacts:/"
LONGEST = 500  # length of a parameter that every version accepts
MOST = 1000  # numbers in a batch


def write(results: Results, runs: list[RunExport], out: Path) -> None:
    """Write an experiment named after the study, with a run for each of its runs; existing ones are left.

    BenchError if the folder has an export of an earlier version, which holds its path.
    """
    with disk_errors(out), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # and says so
        out.mkdir(parents=True, exist_ok=True)
        client = MlflowClient(tracking_uri=out.absolute().as_uri())
        found = client.get_experiment_by_name(results.name)
        if found and not found.artifact_location.startswith(ARTIFACTS):
            raise BenchError(
                f"{out} has an export of {results.name} by an earlier version, whose files hold the path of this"
                " folder; delete it, or export to another folder"
            )
        place = f"{ARTIFACTS}{quote(results.name)}"
        experiment = found.experiment_id if found else client.create_experiment(results.name, place)
        there = _there(client, experiment)
        for run in (run for run in runs if run.key not in there):
            _write(client, experiment, run)


def _there(client: MlflowClient, experiment: str) -> set[str]:
    """The keys of the complete runs of an experiment; an incomplete run is removed."""
    keys, token = set(), None
    while True:
        page = client.search_runs([experiment], page_token=token)
        for run in page:
            if run.info.status == "FINISHED":
                keys.add(run.data.tags.get("dclse_bench.key", ""))
            else:
                client.delete_run(run.info.run_id)
        token = page.token
        if not token:
            return keys


def _write(client: MlflowClient, experiment: str, run: RunExport) -> None:
    began = int(1000 * run.started)
    made = client.create_run(experiment, start_time=began, run_name=f"{run.data}: {run.name}")
    last = max((step for step, _ in run.curve), default=0)
    numbers = [
        Metric(name, value, began, step)
        for step, values in (*run.curve, (last, run.scores))
        for name, value in values.items()
    ]
    params = [Param(name, value[:LONGEST]) for name, value in run.params.items()]
    for at in range(0, max(len(numbers), 1), MOST):
        client.log_batch(made.info.run_id, metrics=numbers[at : at + MOST])
    for at in range(0, len(params), 100):
        client.log_batch(made.info.run_id, params=params[at : at + 100])
    client.log_batch(made.info.run_id, tags=[RunTag("dclse_bench.key", run.key)])
    seconds = run.scores.get("cost/train_seconds", 0.0)
    client.set_terminated(made.info.run_id, end_time=began + int(1000 * seconds))
