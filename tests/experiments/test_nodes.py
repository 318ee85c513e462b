"""What is known of nodes before they are given a trial, what a trial needs of them, and what is sent to them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from killable_studies import Quiet, cut_short, trial_of

from bench import registry
from bench.core import BenchError, RunAbortedError, paths
from bench.data.prepare import prepare
from bench.data.prepared import folder_of
from bench.experiments import launch, plan, run_trial
from bench.experiments.launch import code_archive, node_agent, ray_session, worker, worker_progress
from bench.experiments.launch.jobs import memory_kind
from bench.experiments.launch.nodes import PACKAGES, Node, NodeCheck
from bench.experiments.launch.resources import CONTEXT, MARGIN, ResourceRequest, lacking, need
from bench.storage.record_store import DamagedRecordError, Store

GIGABYTE = 2**30


def test_an_address_without_a_cluster_is_reported_after_the_stated_wait(monkeypatch):
    monkeypatch.setattr(ray_session, "WAIT", 1.0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    since = time.monotonic()
    with pytest.raises(RunAbortedError, match=rf"no Ray cluster answered at {address} within 1 seconds: .*refused"):
        next(iter(ray_session.connected(address).gen))
    assert 1.0 <= time.monotonic() - since < 5.0


@pytest.mark.parametrize("address", ["head", "head:", ":6379", "head:many", "ray://head:10001", "head:99999"])
def test_an_invalid_address_is_refused_at_once(address):
    with pytest.raises(BenchError, match="is not an address of a Ray cluster: give HOST:PORT"):
        next(iter(ray_session.connected(address).gen))
    with pytest.raises(BenchError, match="is not an address of a Ray cluster: give HOST:PORT"):
        launch.resolve_launcher("auto", address)


def test_an_address_has_no_use_for_a_serial_run_and_asks_for_ray_otherwise():
    assert launch.resolve_launcher("auto", "head:6379") == launch.resolve_launcher("ray", "") == "ray"
    assert launch.resolve_launcher("auto", "") == "auto"
    with pytest.raises(BenchError, match="--launcher serial does not run on a Ray cluster"):
        launch.resolve_launcher("serial", "head:6379")


@pytest.fixture
def inspection(cells, tmp_path):
    store = Store(tmp_path / "r")
    store.open()
    with NodeCheck(Answers(), store.trials, [cell.trial for cell in cells], local=False) as found:
        yield found
    assert not list(store.trials.iterdir())


class Answers:
    """Replaces Ray: returns the given answers."""

    def get(self, answer, timeout):
        return answer


def test_a_node_that_is_as_this_machine_is_has_no_fault(inspection):
    node = Node("id", "one", {"CPU": 1.0})
    assert inspection.end(node, node_agent.inspect_node(inspection.question)) == []
    assert (node.shared, node.shipped, node.device) == (True, False, "cpu")


def test_what_a_node_lacks_is_named_with_what_it_should_be(inspection, monkeypatch):
    answer = node_agent.inspect_node(inspection.question)
    (folder,) = answer["data"]
    values = {**answer, "versions": {**answer["versions"], "torch": "1.0", "timm": ""}, "data": {folder: "other"}}
    torch, ours = answer["versions"]["torch"], answer["data"][folder]
    place = paths.data_root() / folder
    assert inspection.end(Node("id", "one", {"CPU": 1.0}), values) == [
        f"torch 1.0, here {torch}",
        f"timm is missing, here {answer['versions']['timm']}",
        f"tiny_volumes in {place} was prepared differently (other, here {ours})",
    ]
    missing = inspection.end(Node("id", "one", {"CPU": 1.0}), {**answer, "data": {folder: None}})
    assert missing == [f"tiny_volumes is not prepared in {place}; prepare it there, or share the folder"]


def test_a_node_with_other_code_is_sent_ours_and_one_without_the_folder_sends_records_back(inspection):
    answer = node_agent.inspect_node(inspection.question)
    node = Node("id", "one", {"CPU": 1.0})
    assert inspection.end(node, {**answer, "code": "other", "shared": False}) == []
    assert (node.shared, node.shipped) == (False, True)


def test_a_node_looks_into_its_own_data_folder_where_it_has_one(inspection, tmp_path, monkeypatch):
    assert folder_of("tiny_volumes").relative_to(paths.data_root()).as_posix() in inspection.question["data"]
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "elsewhere"))
    answer = node_agent.inspect_node(inspection.question)
    assert answer["data_root"] == str(tmp_path / "elsewhere")
    assert set(answer["data"].values()) == {None}


def test_all_packages_that_are_compared_are_there():
    assert all(node_agent.version_of(package) for package in PACKAGES)


def test_one_changed_byte_is_other_code(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.py").write_text("a = 1\n")
    before = node_agent.folders_checksum([tmp_path / "p"])
    (tmp_path / "p" / "a.pyc").write_text("made from it")
    assert node_agent.folders_checksum([tmp_path / "p"]) == before
    (tmp_path / "p" / "a.py").write_text("a = 2\n")
    assert node_agent.folders_checksum([tmp_path / "p"]) != before
    assert node_agent.folders_checksum([tmp_path / "p", tmp_path / "missing"]) == ""


def test_sent_code_is_complete_with_its_members_and_plug_ins(plugins, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    packed = code_archive.code([plugins])
    assert code_archive.code([plugins]) == packed
    folder = node_agent.unpack_code(packed)
    assert node_agent.folders_checksum([folder / name for name in node_agent.PACKAGES]) == node_agent.folders_checksum(
        node_agent.folders_of_code()
    )
    program = "from bench import registry; print(registry.__file__, *registry.names('methods'))"
    around = {"PYTHONPATH": str(folder), "BENCH_PLUGINS": str(folder / "plugins-0"), "PATH": os.environ["PATH"]}
    words = [sys.executable, "-c", program]
    output = subprocess.run(words, env=around, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()
    assert output[0].startswith(str(folder))
    assert {"dclse", "timm2d", "tiny_net"} <= set(output)


def test_a_record_that_was_sent_is_the_record_byte_for_byte_and_a_damaged_one_is_refused(cells, tmp_path):
    trial, there, here = trial_of(cells, "constant"), Store(tmp_path / "there"), Store(tmp_path / "here")
    there.open(), here.open()
    run_trial.run(trial, there, keep=True)
    files = code_archive.pack_folder(there.folder(trial.key))
    here.receive(trial.key, files)
    assert code_archive.pack_folder(here.folder(trial.key)) == files
    assert here.verified(trial.key, weights=True) == there.verified(trial.key)
    cut_short(there.folder(trial.key) / "predictions.npz")
    with pytest.raises(DamagedRecordError, match=r"predictions\.npz was changed"):
        Store(tmp_path / "third").receive(trial.key, code_archive.pack_folder(there.folder(trial.key)))


def test_an_incomplete_teacher_of_a_killed_process_is_sent_again(plugins, tmp_path, monkeypatch):
    cells = plan.cells(registry.study("tiny"), [prepare("tiny_volumes").spec])
    teacher, here = trial_of(cells, "net"), Store(tmp_path / "here")
    student = next(cell.trial for cell in cells if teacher.key in cell.trial.upstream)
    here.open()
    run_trial.run(teacher, here, keep=True)
    sent = teacher.key, code_archive.pack_folder(here.folder(teacher.key))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(worker_progress, "writer", lambda key: lambda fraction: None)
    job = worker.WorkerJob(str(tmp_path / "r"), shared=False, node="far")
    job.store.open()
    job.store.receive(*sent)
    (job.store.folder(teacher.key) / "predictions.npz").unlink()
    (status, _), files = worker.carry_out(job, student, False, None, sent)
    assert status == "done"
    assert "record.json" in files


def test_a_trial_has_the_processors_of_its_recipe_and_memory_above_what_was_measured(cells):
    trial, node = cells[0].trial, Node("id", "one", {"CPU": 4.0, "memory": 16.0 * GIGABYTE})
    assert need(trial, node, {("cpu", memory_kind(trial)): 500.0}) == ResourceRequest(1, 0.0, GIGABYTE)
    assert need(trial, node, {("cpu", memory_kind(trial)): 1000.0}) == ResourceRequest(1, 0.0, 2 * GIGABYTE)
    assert need(trial, node, {("cpu", memory_kind(trial)): 15_000.0}) == ResourceRequest(1, 0.0, 16 * GIGABYTE)
    assert need(trial, Node("id", "head", {"CPU": 0.0}), {}) is None


def test_small_trials_ask_for_the_same_before_and_after_they_were_measured_so_that_no_new_process_starts(cells):
    trial, node = cells[0].trial, Node("id", "one", {"CPU": 4.0, "memory": 16.0 * GIGABYTE})
    assert need(trial, node, {}) == need(trial, node, {("cpu", memory_kind(trial)): 800.0})
    assert need(trial, Node("id", "one", {"CPU": 4.0}), {}) == ResourceRequest(1)  # a node that counts no memory


def test_a_trial_that_needs_more_memory_than_any_node_has_is_reported_with_both_numbers(cells):
    trial, node = cells[0].trial, Node("id", "one", {"CPU": 4.0, "memory": 9.0 * GIGABYTE}, memory_mb=16_000.0)
    assert need(trial, node, {("cpu", memory_kind(trial)): 16_000.0}) == ResourceRequest(1, 0.0, 9 * GIGABYTE)
    peaks = {("cpu", memory_kind(trial)): 20_000.0}
    assert need(trial, node, peaks) is None
    expected = (
        "needs 20000 MB of memory, as measured; the largest node has 16000: it could never run here; give the recipe"
    )
    assert expected in lacking(trial, [node], peaks)


def test_a_node_reports_its_memory():
    assert 100 < node_agent.memory_megabytes() < 1e8


@pytest.mark.parametrize("launcher", ["serial", "ray", "auto"])
def test_more_threads_than_this_machine_has_processors_are_refused_before_anything_runs(cells, tmp_path, launcher):
    there = node_agent.processors()
    trial = replace(cells[0].trial, recipe=replace(cells[0].trial.recipe, threads=500))
    expected = rf"asks for 500 processors.*this machine has {there}: give the recipe at most {there} threads"
    with pytest.raises(BenchError, match=expected):
        launch.launch(launch.PendingTrials([[trial]], frozenset()), Store(tmp_path / "r"), launcher, Quiet())


@pytest.mark.parametrize(("fit", "share"), [(1, 1.0), (3, 0.3333), (7, 0.1428), (100, 0.01)])
def test_as_many_trials_share_a_gpu_as_its_memory_holds(cells, fit, share):
    trial, peak = cells[0].trial, 1000.0
    node = Node("id", "one", {"CPU": 4.0, "GPU": 1.0}, device="cuda")
    node.gpu_mb = (fit + 0.5) * (peak * MARGIN + CONTEXT)
    assert need(trial, node, {("cuda", memory_kind(trial)): peak}).gpu == share
    assert need(trial, node, {("cpu", memory_kind(trial)): peak}).gpu == 0.25  # measured elsewhere: not known here


def test_a_trial_too_large_for_every_gpu_is_reported_with_both_numbers(cells):
    trial, node = cells[0].trial, Node("id", "one", {"CPU": 4.0, "GPU": 1.0}, device="cuda", gpu_mb=8000.0)
    peaks = {("cuda", memory_kind(trial)): 10_000.0}
    assert need(trial, node, peaks) is None
    assert "needs 12100 MB of a GPU; the largest has 8000: it could never run here" in lacking(trial, [node], peaks)


def test_what_finished_trials_needed_is_known_to_the_next_run(cells, tmp_path):
    some = [cell for cell in cells if cell.arm == "constant" and cell.role == "arm"]
    store = Store(tmp_path / "r")
    launch.launch(launch.PendingTrials([[some[0].trial]], frozenset()), store, "serial", Quiet())
    work = launch.outstanding(some, store)
    peak = store.get(some[0].trial.key).cost["peak_memory_mb"]
    assert [trial.key for trial in work.trials] == [some[1].trial.key]
    assert work.peaks == {("cpu", memory_kind(some[1].trial)): peak}
