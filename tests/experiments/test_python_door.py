"""The harness from Python: what `bench.run` leaves and returns, and where it can be called from."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from dataclasses import replace

import pandas as pd
import pytest
from rich.console import Console

import bench
from bench import registry
from bench.cli import main
from bench.core import Arm, BenchError
from bench.experiments.launch.jobs import PendingTrials, ProgressCallback
from bench.experiments.progress_bars import ConsoleMonitor
from bench.experiments.run_monitor import SilentMonitor
from bench.storage.record_store import Store

pytestmark = pytest.mark.usefixtures("one_format")


def records(root):
    """Trial key -> status, metrics and sizes of every record under a results root."""
    store = Store(root)
    found = [store.get(path.name) for path in store.trials.iterdir() if "." not in path.name]
    return {record.trial.key: (record.status, record.metrics, record.sizes) for record in found}


@pytest.fixture
def tiny(plugins):
    """The smallest study: two arms without a teacher."""
    study = registry.study("tiny")
    arms = {label: study.arms[label] for label in ("constant", "net")}
    return replace(study, arms=arms, again=None, random_labels=None)


def test_python_and_the_command_leave_the_same_records(plugins, tmp_path, monkeypatch):
    results = bench.run("tiny", launcher="serial", results=tmp_path / "python")
    monkeypatch.setattr(sys, "argv", ["bench", "run", "--study", "tiny", "--launcher", "serial"])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    assert results.status == {"done": 14, "failed": 0, "refused": 0, "open": 0}
    assert records(tmp_path / "python") == records(tmp_path / "results")
    plans = [json.loads((tmp_path / root / "tiny" / "plan.json").read_text()) for root in ("python", "results")]
    assert plans[0].pop("command") == "bench run --study tiny --launcher serial"
    plans[1].pop("command")
    assert plans[0] == plans[1]


def test_frames_hold_the_numbers_of_the_report(tiny):
    results = bench.run(tiny, name="own", launcher="serial")
    for name in ("scores", "contrasts", "controls"):
        written = (results.path.parent / f"{name}.csv").read_text()
        assert getattr(results, name).to_csv(index=False, lineterminator="\n") == written
    loaded = bench.load_results("own")
    pd.testing.assert_frame_equal(loaded.scores, results.scores)
    assert loaded.path == results.path


def test_predictions_are_those_of_the_records(tiny):
    results = bench.run(tiny, name="own", arms="net", launcher="serial")
    saved = results.report_data.results.sections[0].store
    for record in results.records:
        arrays = saved.predictions(record.trial.key)
        rows = results.predictions[results.predictions["fold"] == record.trial.fold]
        assert rows["id"].tolist() == arrays["ids"].tolist()
        assert rows["probability_1"].tolist() == arrays["selected"][:, 1].tolist()
    assert len(results.predictions) == sum(record.sizes["test"] for record in results.records)


def test_a_smoke_run_marks_its_numbers_and_stores_none(tiny, tmp_path):
    results = bench.run(tiny, name="own", smoke=True)
    folder = results.root
    for frame in (results.scores, results.contrasts, results.predictions, results.curves):
        assert frame.columns[0] == "smoke"
        assert frame["smoke"].all()
    assert results.path is None
    assert not (tmp_path / "results").exists()
    assert folder.exists()
    del results, frame
    assert not folder.exists()


def test_a_study_that_no_file_defines_runs_in_the_workers_of_ray(tiny):
    results = bench.run(tiny, name="own", arms=["constant"], launcher="ray")
    assert results.scores.set_index("arm")["done"].to_dict() == {"constant": 2, "net": 0}


def test_a_failed_trial_is_in_the_results_and_raises_nothing(tiny):
    study = replace(tiny, arms={**tiny.arms, "net": Arm("tiny_net", {"fault": "nan"})})
    results = bench.run(study, name="own", launcher="serial")
    assert results.status == {"done": 2, "failed": 2, "refused": 0, "open": 0}
    assert set(results.failures["kind"]) == {"DivergenceError"}
    assert results.summary.failed == 2


def test_nothing_is_printed_without_progress(tiny, capfd):
    bench.run(tiny, name="own", launcher="serial")
    assert capfd.readouterr() == ("", "")
    bench.run(tiny, name="own", progress=True)
    assert "4 of them done" in capfd.readouterr().out


@pytest.mark.parametrize("monitor", [SilentMonitor(), ConsoleMonitor(Console(quiet=True))])
def test_a_monitor_takes_every_event_of_a_launcher(monitor):
    events = [name for name, value in vars(ProgressCallback).items() if callable(value) and not name.startswith("_")]
    assert {"began", "moved", "ended"} < set(events)
    with monitor.trials(PendingTrials([], frozenset()), {}) as progress:
        assert all(callable(getattr(progress, name)) for name in events)


def test_a_plan_has_a_row_for_every_arm(tiny):
    bench.run(tiny, name="own", arms="net", launcher="serial")
    plan = bench.plan(tiny, name="own")
    assert plan.arms[["arm", "trials", "done"]].values.tolist() == [["constant", 2, 0], ["net", 2, 2]]
    assert plan.arms.set_index("arm")["seconds"].isna().to_dict() == {"constant": True, "net": True}
    measured = bench.plan(tiny, name="own", measure=True)
    assert measured.arms.set_index("arm")["seconds"].isna().to_dict() == {"constant": False, "net": True}


def test_the_status_of_a_study_counts_its_trials(tiny):
    bench.run(tiny, name="own", arms="net", launcher="serial")
    status = bench.status("own")
    assert (status.planned, status.done, status.open, status.running) == (4, 2, 2, [])
    assert str(status).startswith("own: 2 of 4 trials done, 2 open; nothing is running; ")
    assert repr(status) == f"StudyStatus({status})"


def test_the_status_of_a_study_in_words_has_a_line_for_each_failure(tiny):
    bench.run(replace(tiny, arms={"bad": Arm("tiny_net", {"fault": "raise"})}, reference="bad", floors=()), name="own")
    first, *others = str(bench.status("own")).splitlines()
    assert first == "own: 0 of 2 trials done, 2 failed"
    assert [line.partition(", partition")[0] for line in others] == ["failed: tiny_volumes, bad"] * 2


def test_a_notebook_shows_the_message_of_a_mistake_without_a_traceback(plugins):
    with pytest.raises(BenchError) as caught:
        bench.run("tinny")
    assert caught.value._render_traceback_() == ["BenchError: no study 'tinny'; did you mean 'tiny'?"]


def test_a_study_runs_while_an_event_loop_runs_and_in_a_thread(tiny):
    found = {}

    def run(name):
        found[name] = bench.run(tiny, name=name, arms="constant", launcher="serial").status["done"]

    async def cell():
        run("loop")

    asyncio.run(cell())
    thread = threading.Thread(target=run, args=["thread"])
    thread.start()
    thread.join()
    assert found == {"loop": 2, "thread": 2}


def test_a_process_without_a_file_runs_a_study(plugins):
    lines = [
        "from bench import run, Study, Arm, Data, Recipe",
        "arms = {'net': Arm('tiny_net')}",
        "study = Study('Does it run?', [Data('tiny_volumes')], 'net', arms, recipe=Recipe(steps=2))",
        "print(run(study, name='own', smoke=True).scores.loc[0, 'done'])",
    ]
    done = subprocess.run(
        [sys.executable, "-i", "-q"], input="\n".join(lines), capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "1", done.stderr


def test_a_script_without_a_main_guard_runs_a_study(plugins, tmp_path):
    script = tmp_path / "script.py"
    script.write_text("from bench import run\nprint(run('tiny', smoke=True, arms='net').status['done'])\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("2", "")  # the arm and its repeat


@pytest.mark.parametrize(
    ("study", "arguments", "words"),
    [
        ("quickstrat", {}, "did you mean 'quickstart'"),
        ("tiny", {"name": "own"}, "is for a Study object"),
        ("tiny", {"arms": "nett"}, "did you mean 'net'"),
        ("tiny", {"launcher": "slurm"}, "no launcher 'slurm'"),
        (None, {}, "needs a name"),
        (None, {"name": "a/b"}, "cannot name a folder"),
        (None, {"name": "trials"}, "cannot name a folder"),
        (None, {"name": "tiny"}, "another study named 'tiny'"),
        (3, {"name": "own"}, "STUDY must be a Study, not 3"),
    ],
)
def test_a_wrong_argument_is_an_error_that_names_it(tiny, study, arguments, words):
    with pytest.raises(BenchError, match=words):
        bench.run(tiny if study is None else study, **arguments)


def test_a_study_that_was_not_run_has_no_results(plugins):
    for ask in (bench.load_results, bench.status):
        with pytest.raises(BenchError, match="has not been run"):
            ask("tiny")


def test_importing_the_package_imports_no_library():
    program = "import sys, bench; bench.Study, dir(bench); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not {"torch", "ray", "pandas", "numpy", "typer", "rich"} & set(done.stdout.split())


@pytest.mark.parametrize("name", bench.__all__)
def test_a_public_name_is_documented(name):
    assert getattr(bench, name).__doc__
