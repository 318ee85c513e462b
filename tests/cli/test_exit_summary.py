"""What a run says at its end: each refused arm once with its reason, and that a smoke run passed."""

from __future__ import annotations

import pytest

from bench import registry
from bench.cli import main
from bench.core import Record
from bench.data.prepare import prepare
from bench.experiments import plan
from bench.experiments.run_summary import summarise
from bench.storage.record_store import Store

STUDY = """
from bench.core import Arm, Data, Recipe, Study
STUDY = Study("Does it end well?", [Data("tiny_volumes")], "{reference}", folds=2, partitions=1,
    recipe=Recipe(steps=2, points=2),
    arms={{"good": Arm("constant"), "2d": Arm("timm2d", {{"view": "volume"}})}})
"""


@pytest.fixture
def cells(plugins):
    return plan.cells(registry.study("tiny"), [prepare("tiny_volumes").spec])


def summary_of(cells, store, **refused):
    """What came of the cells where some arms are refused, for the reason that is given."""
    for cell in cells:
        why = refused.get(cell.arm.split()[0])
        error = {"kind": "refused", "message": why, "traceback": ""} if why else {}
        if not store.has(cell.trial.key):
            store.put(Record(cell.trial, "refused" if why else "done", error=error))
    return summarise("tiny", "net", cells, store)


def test_a_refused_arm_is_listed_once_with_its_reason(cells, tmp_path):
    outcome = summary_of(cells, Store(tmp_path), constant="it is too small")
    assert outcome.lines(smoke=False) == ["refused: constant on tiny_volumes: it is too small"]
    assert outcome.verdict == ""
    *_, last = outcome.lines(smoke=True)
    assert last.startswith("the study tiny runs: 4 arms on 1 data set, 14 trials, 1 of these pairs refused;")


def test_arms_that_are_refused_for_one_reason_share_a_line(cells, tmp_path):
    names = {cell.arm.split()[0] for cell in cells if cell.role == "arm"} - {"net"}
    outcome = summary_of(cells, Store(tmp_path), **dict.fromkeys(names, "it is too small"))
    (line,) = outcome.lines(smoke=False)
    assert line.startswith("refused: ")
    assert line.endswith(" on tiny_volumes: it is too small")
    assert all(name in line for name in names)


def test_a_refused_reference_leaves_nothing_to_compare_with(cells, tmp_path):
    outcome = summary_of(cells, Store(tmp_path), net="it is too small")
    assert outcome.verdict == "the reference arm net was refused, so nothing is compared with it"
    assert outcome.verdict in outcome.lines(smoke=False)
    assert not any("runs:" in line for line in outcome.lines(smoke=True))


def test_a_study_with_every_arm_refused_says_so(cells, tmp_path):
    every = dict.fromkeys({cell.arm.split()[0] for cell in cells}, "no")
    assert (
        summary_of(cells, Store(tmp_path), **every).verdict == "every arm was refused, so there is nothing to compare"
    )


def run(tmp_path, monkeypatch, plugins, reference, *words):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "ends.py").write_text(STUDY.format(reference=reference))
    monkeypatch.setenv("BENCH_PLUGINS", f"{plugins}:{folder}")
    monkeypatch.setattr("sys.argv", ["bench", "run", "--study", "ends", *words])
    registry.clear_cache()
    with pytest.raises(SystemExit) as ended:
        main()
    registry.clear_cache()
    return ended.value.code


@pytest.mark.parametrize(("reference", "status"), [("good", 0), ("2d", 1)])
def test_a_run_says_why_arms_were_refused_and_fails_if_nothing_can_be_compared(
    tmp_path, monkeypatch, plugins, capsys, one_format, reference, status
):
    assert (run(tmp_path, monkeypatch, plugins, reference, "--launcher", "serial") or 0) == status
    output = capsys.readouterr().out
    assert output.count("refused: 2d on tiny_volumes: it reads 2D scans, but its view (volume) gives 3D ones") == 1
    assert ("the reference arm 2d was refused" in output) == bool(status)


def test_a_smoke_run_says_that_the_study_runs_and_quotes_no_cost(tmp_path, monkeypatch, plugins, capsys):
    assert not run(tmp_path, monkeypatch, plugins, "good", "--smoke")
    output = capsys.readouterr().out
    assert "the study ends runs: 2 arms on 1 data set, 2 trials, 1 of these pairs refused" in output
    assert "time, memory, disk" not in output
    assert "left" not in output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--address", "nonsense"], "'nonsense' is not an address of a Ray cluster"),
        (["--launcher", "serial", "--address", "head:1"], "--launcher serial does not run on a Ray cluster"),
    ],
)
def test_a_smoke_run_ignores_no_launcher_and_no_address(tmp_path, monkeypatch, plugins, capsys, words, message):
    assert run(tmp_path, monkeypatch, plugins, "good", "--smoke", *words) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.out == ""
