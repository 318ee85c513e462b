"""`bench doctor`, `bench open`, `bench list` and the completion of the shell."""

from __future__ import annotations

import json
import os
import shutil
import time

import pytest
from command_line import printed, run_command

from bench import registry
from bench.data.prepare import prepare
from bench.experiments.machine import machine_checks
from bench.experiments.machine.machine_checks import Requirement
from bench.experiments.machine.storage_checks import check_locks
from bench.storage.record_store import Store


def found(capsys, monkeypatch) -> tuple[int, dict[str, list[dict]]]:
    """Exit status of `bench doctor --json`, and its findings by subject."""
    status, text, _ = printed(capsys, monkeypatch, "doctor", "--json")
    findings: dict[str, list[dict]] = {}
    for each in json.loads(text):
        findings.setdefault(each["subject"], []).append(each)
    return status, findings


def test_a_machine_without_faults_ends_with_0_and_every_check_has_a_line(capsys, monkeypatch):
    status, text = run_command(capsys, monkeypatch, "doctor")
    assert status == 0, text
    for subject in ("Python", "packages", "processors", "memory", "GPU", "Ray", "fonts", "results", "data", "locks"):
        assert f"{subject} " in text


def test_a_plug_in_that_cannot_be_loaded_is_a_fault_and_ends_with_1(tmp_path, capsys, monkeypatch):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "broken.py").write_text("METHOD = 1 / 0\n")
    (tmp_path / "plugins" / "unused.py").write_text("METHODS = 1\n")
    registry.clear_cache()
    status, findings = found(capsys, monkeypatch)
    registry.clear_cache()
    assert status == 1
    levels = {(each["level"], "ZeroDivisionError" in each["words"]) for each in findings["plug-ins"]}
    assert levels == {("fault", True), ("caution", False)}


def test_a_folder_that_cannot_be_written_and_a_full_disk_are_named(capsys, monkeypatch):
    monkeypatch.setattr("bench.core.paths.writable", lambda folder: folder.name != "results")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(2**40, 2**40, 2**20))
    status, findings = found(capsys, monkeypatch)
    assert status == 1
    assert (findings["results"][0]["level"], findings["results"][0]["remedy"]) == (
        "fault", "set BENCH_RESULTS to a folder of yours"
    )  # fmt: skip
    assert findings["data"][0]["level"] == "caution"


def test_damaged_data_are_named_with_the_command(capsys, monkeypatch):
    folder = prepare("phantom_order", {}).folder
    (folder / "manifest.json").write_text("{")
    findings = found(capsys, monkeypatch)[1]["data"]
    assert any("bench prepare phantom_order" in each["remedy"] + each["words"] for each in findings)


@pytest.mark.parametrize(
    ("text", "installed", "fault"),
    [
        ("x>=2.1", "2.0.9", "x is 2.0.9, and must be >=2.1"),
        ("x<3,>=2", "3.0", "x is 3.0, and must be <3"),
        ("x[tune]<2.61,>=2.60", "2.60.1", ""),
        ("x>=1", "", "x is not installed"),
        ("x>=2.13", "2.13.0+cpu", ""),
    ],
)
def test_versions_are_compared_by_their_numbers(monkeypatch, text, installed, fault):
    monkeypatch.setattr(machine_checks, "installed_version", lambda name: installed)
    assert Requirement.parse(text).fault() == fault


def test_an_optional_package_is_not_required():
    assert Requirement.parse('tensorboard>=2 ; extra == "tensorboard"').optional
    assert not Requirement.parse("torch>=2").optional


def test_work_of_a_run_that_ended_is_counted_and_old_work_is_a_caution(tmp_path):
    store = Store(tmp_path / "results")
    work = store.trials / ".running-abc-1234"
    work.mkdir(parents=True)
    assert [(each.level, "1 unfinished trial" in each.words) for each in check_locks()] == [("ok", True)]
    old = time.time() - 3 * 86400
    os.utime(work, (old, old))
    assert [(each.level, "1 of 3 days ago" in each.words) for each in check_locks()] == [("caution", True)]


def test_a_trial_that_runs_is_no_leftover(tmp_path):
    store = Store(tmp_path / "results")
    store.open()
    (store.trials / ".running-abc-1234").mkdir(parents=True)
    with store.claim("abc"):
        assert "1 trial running, 0 unfinished trials" in next(iter(check_locks())).words


def test_open_shows_the_newest_report_or_that_of_a_study(tmp_path, capsys, monkeypatch):
    shown = []
    monkeypatch.setattr("webbrowser.open", lambda address: shown.append(address) or True)
    assert run_command(capsys, monkeypatch, "open")[0] == 2
    for number, name in enumerate(("first", "second")):
        (tmp_path / "results" / name).mkdir(parents=True)
        page = tmp_path / "results" / name / "report.html"
        page.write_text("<html></html>")
        os.utime(page, (1e9 + number, 1e9 + number))
    assert run_command(capsys, monkeypatch, "open")[1] == f"{tmp_path}/results/second/report.html\n"
    assert run_command(capsys, monkeypatch, "open", "first")[0] == 0
    assert [address.rpartition("results/")[2] for address in shown] == ["second/report.html", "first/report.html"]
    status, text = run_command(capsys, monkeypatch, "open", "third")
    assert (status, "bench report --study third" in text) == (2, True)


def test_without_a_browser_open_still_prints_the_path(tmp_path, capsys, monkeypatch):
    (tmp_path / "results" / "first").mkdir(parents=True)
    (tmp_path / "results" / "first" / "report.html").write_text("")
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    status, text = run_command(capsys, monkeypatch, "open")
    assert (status, text.splitlines()[1]) == (0, "no browser could be started; open the file by hand")


def test_list_has_one_line_for_each_member_with_its_family_and_its_data(plugins, capsys, monkeypatch):
    text = run_command(capsys, monkeypatch, "list", "methods")[1]
    lines = {line.split()[0]: line for line in text.splitlines()}
    assert sorted(lines) == registry.names("methods")
    assert lines["monai3d"].split()[1] == "3d"
    text = run_command(capsys, monkeypatch, "list", "datasets")[1]
    assert len(text.splitlines()) == len(registry.names("datasets"))
    line = next(line for line in text.splitlines() if line.startswith("ad_oasis "))
    assert line.split()[1:4] == ["classification", "not", "prepared"]


def test_list_says_whether_the_data_of_a_study_are_prepared(plugins, capsys, monkeypatch):
    def state(kind: str, name: str) -> str:
        rows = json.loads(run_command(capsys, monkeypatch, "list", kind, "--json")[1])
        return next(row["data"] for row in rows if row["name"] == name)

    assert (state("datasets", "tiny_volumes"), state("studies", "tiny")) == ("made when needed", "made when needed")
    assert state("studies", "oasis_ad") == "not prepared"
    folder = prepare("tiny_volumes").folder
    assert (state("datasets", "tiny_volumes"), state("studies", "tiny")) == ("prepared", "prepared")
    (folder / "manifest.json").write_text("{")
    assert state("datasets", "tiny_volumes") == "damaged"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("bench pl", ["plan"]),
        ("bench run --study quick", ["quickstart"]),
        ("bench plan oasis_", ["oasis_ad", "oasis_ad_2mm", "oasis_age"]),
        ("bench prepare phantom_or", ["phantom_order"]),
        ("bench run --keep", ["--keep-weights"]),
    ],
)
def test_the_shell_completes_commands_options_and_names(capsys, monkeypatch, typed, expected):
    words = typed.split()
    monkeypatch.setenv("_BENCH_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    status, text = run_command(capsys, monkeypatch)
    assert status == 0
    assert set(expected) <= set(text.split())
    assert all(word.startswith(words[-1]) for word in text.split())


def test_the_version_is_printed(capsys, monkeypatch):
    from bench import __version__

    assert run_command(capsys, monkeypatch, "--version") == (0, f"{__version__}\n")


def test_a_study_is_described_without_the_forms_of_python(capsys, monkeypatch):
    _, text = run_command(capsys, monkeypatch, "describe", "strong_families")
    line = next(line for line in text.splitlines() if line.startswith("datasets: "))
    assert line == "datasets: phantom_ad (subjects=100, mm=5.0, effect=3.0)"
    _, text = run_command(capsys, monkeypatch, "describe", "dclse")
    assert "space: lr 1e-05 to 0.01 (logarithmic), weight_decay " in text
    assert "dgm_ratio 2 or 4" in text
    assert "{" not in text.partition("space: ")[2].partition("parameter")[0]


def test_an_unknown_name_says_that_no_plug_ins_were_read_or_what_a_file_lacks(tmp_path, capsys, monkeypatch):
    registry.clear_cache()
    status, text = run_command(capsys, monkeypatch, "prepare", "xyzzy", "--from", ".")
    assert (status, "preparing" in text) == (2, False)
    assert f"no plug-ins were read: {tmp_path} has no folder `plugins`, and BENCH_PLUGINS is not set" in text
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "xyzzy.py").write_text("METHODS = 1\n")
    registry.clear_cache()
    text = run_command(capsys, monkeypatch, "cost", "xyzzy", "--shape", "1", "8", "8", "8")[1]
    registry.clear_cache()
    assert "xyzzy.py defines none of DATASET, METHOD, CURRICULUM, STUDY" in text
