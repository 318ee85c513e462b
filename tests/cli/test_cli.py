"""Promises of the command line: what it prints, its exit status, and how light it is."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys

import pytest
import typer
from command_line import run_command

from bench import registry
from bench.cli import app, join_numbers, main
from bench.experiments.prepare_study import StudyRequest
from bench.experiments.run_study import RunOptions, command_of


def bench(*words, **environment):
    """Run the command in a process of its own."""
    started = [sys.executable, "-c", "from bench.cli import main; main()", *words]
    return subprocess.run(started, capture_output=True, text=True, env={**os.environ, **environment}, check=False)


def test_a_study_runs_from_nothing_to_a_report(plugins, tmp_path, one_format, capsys, monkeypatch):
    done = bench("run", "--study", "pair", "--launcher", "serial")
    assert done.returncode == 0, done.stderr
    assert "4/4 trials" in done.stdout
    page = tmp_path / "results" / "pair" / "report.html"
    assert f"report: {page}" in done.stdout
    assert page.is_file()
    state = json.loads(bench("status", "--study", "pair", "--json").stdout)
    assert (state["planned"], state["done"], state["open"]) == (4, 4, 0)
    status, printed = run_command(capsys, monkeypatch, "run", "--study", "pair")
    assert (status, "4 of them done" in printed) == (0, True), printed
    page.unlink()
    assert run_command(capsys, monkeypatch, "report", "--study", "pair")[0] == 0
    assert page.is_file()


def test_a_smoke_run_leaves_no_numbers_behind(plugins, tmp_path):
    done = bench("run", "--study", "tiny", "--smoke")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "results").exists()


def test_a_failed_trial_ends_in_status_1(plugins, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "faulty.py").write_text(
        "from bench.core import Arm, Data, Recipe, Study\n"
        "STUDY = Study('Does it fail?', [Data('tiny_volumes')], 'good', folds=2, partitions=1,\n"
        "    recipe=Recipe(steps=2, points=2),\n"
        "    arms={'good': Arm('tiny_net'), 'bad': Arm('tiny_net', {'fault': 'nan'})})\n"
    )
    done = bench("run", "--study", "faulty", BENCH_PLUGINS=f"{plugins}{os.pathsep}{folder}")
    assert done.returncode == 1
    assert "failed: bad, fold" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert (tmp_path / "results" / "faulty" / "report.html").is_file()


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["run", "--study", "tinny"], "no study 'tinny'; did you mean 'tiny'?"),
        (["run", "--study", "tiny", "--arm", "nett"], "no arm 'nett'; did you mean 'net'?"),
        (["run", "--study", "tiny", "--launcher", "rey"], "no launcher 'rey'; did you mean 'ray'?"),
        (["run", "--study", "oasis_ad"], "run: bench prepare ad_oasis --from FOLDER"),
        (["plan", "--study", "tinny"], "did you mean 'tiny'?"),
        (["prepare", "ad_oasi", "--from", "."], "no data set 'ad_oasi'; did you mean 'ad_oasis'?"),
        (["prepare", "ad_oasis"], "--from FOLDER; layout of FOLDER: a BIDS tree"),
        (["prepare", "ad_oasis", "--set", "agee=3"], "did you mean 'age'?"),
        (["cost", "dclsee", "--shape", "3", "9", "9"], "no method 'dclsee'; did you mean 'dclse'?"),
        (["cost", "dclse", "--shape", "3", "9", "9", "--set", "dmg=none"], "did you mean 'dgm'?"),
        (["describe", "dclsee"], "did you mean 'dclse'?"),
        (["list", "method"], "did you mean 'methods'?"),
        (["status", "--study", "tiny"], "has not been run here"),
        (["report", "--study", "tiny"], "has not been run here"),
    ],
)
def test_the_authors_faults_end_in_status_2_with_a_remedy(plugins, words, remedy):
    done = bench(*words)
    assert done.returncode == 2
    assert remedy in done.stderr
    assert "Traceback" not in done.stderr


def test_a_metric_that_is_not_there_stops_before_training(plugins, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    text = (plugins / "tiny_images.py").read_text().replace("balanced_accuracy", "balanced_acuracy")
    (folder / "typo.py").write_text(text)
    (folder / "typed.py").write_text((plugins / "tiny.py").read_text().replace("tiny_volumes", "typo"))
    done = bench("run", "--study", "typed", BENCH_PLUGINS=f"{plugins}{os.pathsep}{folder}")
    assert done.returncode == 2
    assert "did you mean 'balanced_accuracy'?" in done.stderr
    assert not list((tmp_path / "results").glob("trials/*"))


@pytest.mark.parametrize("kind", registry.KINDS)
def test_list_has_every_member(kind):
    rows = json.loads(bench("list", kind, "--json").stdout)
    assert [row["name"] for row in rows] == registry.names(kind)
    assert all(row["summary"] for row in rows)


def test_plan_counts_what_would_run(plugins):
    output = json.loads(bench("plan", "--study", "tiny", "--json").stdout)
    assert (output["trials"], output["done"]) == (14, 0)
    assert {row["arm"]: row["trials"] for row in output["arms"]}["constant (random labels)"] == 4


@pytest.mark.parametrize(
    "words", [["list"], ["describe", "oasis_ad"], ["plan", "--study", "tiny"], ["status", "--study", "tiny"]]
)
def test_looking_needs_neither_torch_nor_ray(plugins, words):
    program = (
        "import sys\nfrom bench.cli import app\n"
        f"try:\n    app({words!r})\nexcept (SystemExit, Exception):\n    pass\n"
        "heavy = {'torch', 'ray', 'monai', 'timm', 'pandas', 'sklearn'} & set(sys.modules)\nassert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_report_needs_neither_torch_nor_ray():
    program = "import sys, bench.report\nassert not {'torch', 'ray'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_sizes_may_be_given_as_words():
    assert join_numbers(["cost", "m", "--shape", "3", "9", "9", "--json"]) == [
        "cost",
        "m",
        "--shape",
        "3,9,9",
        "--json",
    ]
    assert join_numbers(["list"]) == ["list"]
    assert join_numbers(["cost", "m", "--shape", "3,9,9"]) == ["cost", "m", "--shape", "3,9,9"]


def test_cost_matches_the_reference(capsys, monkeypatch):
    words = ["cost", "dclse", "--shape", "3", "110", "110", "--json"]
    whole, off = (
        json.loads(run_command(capsys, monkeypatch, *words, *more)[1]) for more in ([], ["--set", "dgm=none"])
    )
    assert whole["parameters"] == 8060630
    assert whole["forward_flops"] == pytest.approx(2 * 0.2902e9, rel=5e-4)
    assert off["parameters"] == 7434998
    assert off["forward_flops"] == pytest.approx(2 * 0.2798e9, rel=5e-4)


def test_a_smoke_run_that_fails_says_so(plugins, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "faulty.py").write_text(
        (plugins / "tiny.py").read_text().replace('"tiny_net")', '"tiny_net", {"fault": "nan"})')
    )
    done = bench("run", "--study", "faulty", "--smoke", BENCH_PLUGINS=f"{plugins}{os.pathsep}{folder}")
    assert done.returncode == 1
    assert "DivergenceError" in done.stdout


def test_a_metric_of_another_kind_of_task_stops_before_training(plugins, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "typo.py").write_text((plugins / "tiny_images.py").read_text().replace("balanced_accuracy", "mae"))
    (folder / "typed.py").write_text((plugins / "tiny.py").read_text().replace("tiny_volumes", "typo"))
    done = bench("run", "--study", "typed", BENCH_PLUGINS=f"{plugins}{os.pathsep}{folder}")
    assert done.returncode == 2
    assert "the primary metric mae is for regression, not for classification" in done.stderr


def test_who_calls_it_from_a_program_has_their_signals_back(monkeypatch):
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.setattr(sys, "argv", ["bench", "list", "studies"])
    with pytest.raises(SystemExit):
        main()
    assert {number: signal.getsignal(number) for number in before} == before


def test_the_command_of_a_study_can_be_typed_again():
    request = StudyRequest("mine", ["tiny_volumes"], stand_ins=False, phantoms=True)
    command = command_of(request, RunOptions(["U-Net (3D)"], "ray", "auto", retry=True, keep_weights=True))
    bench_, name, *words = shlex.split(command)
    context = typer.main.get_command(app).commands[name].make_context(name, words)
    assert bench_ == "bench"
    assert context.params == {
        "study": "mine", "arm": ["U-Net (3D)"], "launcher": "ray", "address": "auto", "smoke": False,
        "datasets": ["tiny_volumes"], "stand_ins": False, "phantoms": True, "retry": True, "keep_weights": True,
        "changes": (), "tensorboard": None,
    }  # fmt: skip


def test_a_misspelt_method_is_reported_before_anything_else_is_missing():
    done = bench("cost", "dcls")
    assert done.returncode == 2
    assert "did you mean 'dclse'" in done.stderr
