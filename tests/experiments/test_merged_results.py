"""Results of several machines merged into one: the same report, and a refusal of what does not belong together."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from command_line import run_command
from synthetic_results import ArmSpec, DataSetSpec, store_plan, with_data, write

from bench import report
from bench.core import BenchError
from bench.experiments.merge.merge_results import merge_results
from bench.storage.record_store import Store

ARMS = {"base": ArmSpec(0.5), "new": ArmSpec(0.8, failed={3: "no memory"})}


@pytest.fixture
def machines(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A study in one place, and the same records divided between two machines."""
    plan = write(tmp_path / "one", ARMS, [DataSetSpec("scans")])
    for number, name in enumerate(("a", "b")):
        store_plan(tmp_path / name, plan)
        (tmp_path / name / "trials").mkdir()
        for cell in plan.cells[number::2]:
            shutil.copytree(tmp_path / "one" / "trials" / cell.key, tmp_path / name / "trials" / cell.key)
    return tmp_path / "one", tmp_path / "a", tmp_path / "b"


def report_files(root: Path) -> dict[str, bytes]:
    """Every file of the report of `toy` under a root of results."""
    folder = report.build("toy", root).parent
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_merged_results_give_the_report_of_results_in_one_place_to_the_byte(
    machines, tmp_path, one_format, capsys, monkeypatch
):
    one, a, b = machines
    status, text = run_command(capsys, monkeypatch, "merge", str(b), str(a), "--out", "c")
    assert status == 0
    assert "10 records of 1 study: toy" in text
    whole, merged = report_files(one), report_files(tmp_path / "c")
    plans = [json.loads(files.pop("plan.json")) for files in (whole, merged)]
    assert plans[0] == plans[1]
    assert {"report.html", "report.md", "scores.csv", "contrasts.csv", "predictions.csv"} <= whole.keys()
    assert whole == merged


def rerun(folder: Path, key: str, started: str, score: float) -> None:
    """Another machine trained this trial too, at another time and with another score."""
    record = Store(folder).get(key)
    shutil.rmtree(folder / "trials" / key)
    metrics = {**record.metrics, "selected": {**record.metrics["selected"], "auc": score}}
    Store(folder).put(replace(record, metrics=metrics, provenance={**record.provenance, "started": started}))


@pytest.mark.parametrize(("first", "second"), [(0.9, 0.1), (0.1, 0.9)])
def test_of_a_trial_that_ran_twice_the_earlier_record_is_taken_whatever_its_score(first, second, machines, tmp_path):
    _, a, b = machines
    keys = [path.name for path in (a / "trials").iterdir() if not path.name.startswith(".")]
    key = next(key for key in keys if Store(a).get(key).status == "done")
    shutil.copytree(a / "trials" / key, b / "trials" / key)
    rerun(a, key, "2026-01-02T00:00:00Z", second)
    rerun(b, key, "2026-01-01T00:00:00Z", first)
    summary = merge_results([a, b], tmp_path / "c")
    assert Store(tmp_path / "c").get(key).metrics["selected"]["auc"] == first
    assert summary.twice == 1
    assert "started first" in "\n".join(summary.lines())


@pytest.mark.parametrize("spoil", [lambda text: text.replace("0", "1", 1), lambda text: "[" * 10**5])
def test_a_damaged_record_is_left_out_and_counted(spoil, machines, tmp_path):
    _, a, b = machines
    path = next((a / "trials").glob("*/record.json"))
    path.write_text(spoil(path.read_text()))
    summary = merge_results([a, b], tmp_path / "c")
    assert (summary.records, summary.damaged) == (9, 1)
    assert not Store(tmp_path / "c").has(path.parent.name)


def other_plan(folder: Path, **changes) -> None:
    path = folder / "toy" / "plan.json"
    unsealed = {name: value for name, value in json.loads(path.read_text()).items() if name != "seal"}
    path.write_text(json.dumps({**unsealed, **changes}))


def other_scans(folder: Path) -> None:
    from bench.storage.stored_plan import read_plan

    store_plan(folder, with_data(read_plan(folder / "toy" / "plan.json"), 0, fingerprint="g"))


def other_code(folder: Path) -> None:
    for path in (folder / "trials").glob("*/record.json"):
        record = Store(folder).get(path.parent.name)
        shutil.rmtree(path.parent)
        code = {"commit": None, "changed": None, "sources": "f" * 20}
        Store(folder).put(replace(record, provenance={**record.provenance, "code": code}))


def exchanged_arms(folder: Path) -> None:
    cells = json.loads((folder / "toy" / "plan.json").read_text())["cells"]
    other_plan(folder, cells=[{**cell, "arm": {"base": "new", "new": "base"}[cell["arm"]]} for cell in cells])


def one_other_fold(folder: Path) -> None:
    first, *rest = json.loads((folder / "toy" / "plan.json").read_text())["cells"]
    other_plan(folder, cells=[{**first, "fold": 4}, *rest])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (exchanged_arms, "the same trials on scans under other arms"),
        (one_other_fold, "the same trials on scans under other arms"),
        (lambda folder: (folder / "toy" / "plan.json").write_text("[" * 10**5), "plan.json cannot be read"),
        (other_scans, "scans differs in .* in its fingerprint"),
        (other_code, "made by unlike code"),
        (lambda folder: other_plan(folder, margin=0.1), "its margin differs"),
        (lambda folder: other_plan(folder, protocol=1), "protocol 1"),
        (lambda folder: other_plan(folder, cells=[]), "the trials planned on scans differ"),
    ],
)
def test_what_does_not_belong_together_is_refused_and_nothing_is_written(spoil, words, machines, tmp_path):
    _, a, b = machines
    spoil(b)
    with pytest.raises(BenchError, match=words):
        merge_results([a, b], tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_unlike_code_is_merged_if_that_is_wanted_and_no_person_is_named(machines, tmp_path):
    _, a, b = machines
    other_code(b)
    text = "\n".join(merge_results([a, b], tmp_path / "c", unlike_code=True).lines())
    assert "unlike code" in text
    assert "sub-" not in text


def test_two_labs_with_data_sets_of_their_own_are_one_study(tmp_path):
    for name, number in (("a", 0), ("b", 1)):
        write(tmp_path / name, {"base": ArmSpec(), "new": ArmSpec(0.9)}, [DataSetSpec(f"lab{number}")])
    merge_results([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    frames = report.read("toy", tmp_path / "c").tables
    scores = pd.concat([part.frame("scores") for part in frames])
    assert sorted(scores["data"].unique()) == ["lab0", "lab1"]
    assert scores["complete"].all()


@pytest.mark.parametrize("exists", [False, True], ids=["a new folder", "an empty folder"])
def test_a_merge_that_ends_in_the_middle_leaves_nothing_and_can_be_given_again(machines, tmp_path, monkeypatch, exists):
    _, a, b = machines
    out = tmp_path / "c"
    if exists:
        out.mkdir()
    receive, given = Store.receive, []

    def interrupted(self, key, files, mark=""):
        given.append(key)
        if len(given) == 4:
            raise KeyboardInterrupt
        receive(self, key, files, mark)

    monkeypatch.setattr(Store, "receive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        merge_results([a, b], out)
    assert not out.exists() or not list(out.iterdir())
    monkeypatch.setattr(Store, "receive", receive)
    (tmp_path / ".c.unfinished").mkdir()  # of a merge that was killed
    assert merge_results([a, b], out).records == 10
    assert {path.name for path in out.iterdir()} == {"trials", "toy"}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_results_that_exist_are_never_changed_by_merging(machines, tmp_path):
    _, a, b = machines
    for out, words in ((b, "exists already"), (a / "inside", "beside them")):
        with pytest.raises(BenchError, match=words):
            merge_results([a, b], out)
    with pytest.raises(BenchError, match="two different folders"):
        merge_results([a, a], tmp_path / "c")
