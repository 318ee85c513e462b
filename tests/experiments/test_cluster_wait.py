"""What others use of a shared cluster: no trial is sent there, and a run that waits for it says so."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from killable_studies import Quiet

from bench import registry
from bench.cli import main
from bench.data.prepare import prepare
from bench.experiments import plan
from bench.experiments.launch import cluster_wait
from bench.experiments.launch.nodes import Node
from bench.storage.record_store import Store

GIGABYTE = 2.0**30


class Ray:
    """In the place of Ray: what it would say is free."""

    def __init__(self, **free):
        self.free = free
        state = SimpleNamespace(available_resources_per_node=lambda: self.free)
        self._private = SimpleNamespace(state=state)


@pytest.fixture
def node():
    return Node("one", "one", {"CPU": 4.0, "memory": 8 * GIGABYTE})


def test_what_others_use_is_not_free(node):
    cluster_wait.count_others(Ray(one={"memory": 2 * GIGABYTE, "CPU": 1.0}), [node])
    assert (node.left("CPU"), node.left("memory")) == (1.0, 2 * GIGABYTE)
    assert node.room({"CPU": 1.0})
    assert not node.room({"CPU": 2.0})


def test_what_our_own_trials_use_is_no_others(node):
    node.take({"CPU": 3.0})
    cluster_wait.count_others(Ray(one={"CPU": 1.0, "memory": 8 * GIGABYTE}), [node])
    assert node.left("CPU") == 1.0
    assert cluster_wait.lack([(node, {"CPU": 2.0})]) == ""


def test_a_process_that_has_just_ended_is_not_taken_for_anothers(node):
    ray = Ray(one={"CPU": 4.0, "memory": 8 * GIGABYTE})
    cluster_wait.count_others(ray, [node])
    ray.free = {"one": {"CPU": 2.0, "memory": 8 * GIGABYTE}}
    cluster_wait.count_others(ray, [node])
    assert node.left("CPU") == 4.0
    cluster_wait.count_others(ray, [node])
    assert node.left("CPU") == 2.0


def test_the_missing_capacity_is_reported_with_free_and_total(node):
    full = Node("two", "two", {"CPU": 1.0})
    cluster_wait.count_others(Ray(one={"CPU": 1.0}, two={}), [node, full])
    expected = "node two has 0 of 1 processors free (others use them)"
    assert cluster_wait.lack([(full, {"CPU": 1.0})]) == f"waiting for room: {expected}"
    both = f"waiting for room: node one has 1 of 4 processors free, 2 needed (others use them); {expected}"
    assert cluster_wait.lack([(node, {"CPU": 2.0}), (full, {"CPU": 1.0})]) == both
    memory = "node one has 0 of 8 GB of memory free, 2 needed (others use them)"
    assert cluster_wait.lack([(node, {"memory": 2 * GIGABYTE})]) == f"waiting for room: {memory}"
    assert cluster_wait.lack([(node, {"CPU": 1.0}), (full, {"CPU": 1.0})]) == ""


def test_a_wait_is_reported_at_once_and_from_time_to_time(tmp_path, monkeypatch):
    store, watch = Store(tmp_path), Quiet()
    waiting = cluster_wait.CapacityWait(store, watch.message)
    for _ in range(3):
        waiting.now("waiting for room: a", "k")
    assert watch.words == ["waiting for room: a"]
    monkeypatch.setattr(cluster_wait, "AGAIN", 0.0)
    waiting.now("waiting for room: b", "k")
    assert watch.words[1:] == ["waiting for room: b"]
    assert cluster_wait.waited_for(store, {"k", "other"}) == ["waiting for room: b"]
    assert cluster_wait.waited_for(store, {"other"}) == []
    waiting.now("")
    assert cluster_wait.waited_for(store, {"k"}) == []
    assert list(store.claims.iterdir()) == []


def test_the_status_of_a_waiting_run_gives_the_reason(plugins, tmp_path, monkeypatch, capsys):
    study = registry.study("tiny")
    cells = plan.cells(study, [prepare("tiny_volumes").spec])
    plan.write("tiny", study, [], cells)
    waiting = cluster_wait.CapacityWait(Store(tmp_path / "results"), Quiet().message)
    monkeypatch.setattr("sys.argv", ["bench", "status", "--study", "tiny"])
    for words in ("waiting for room: node one has 0 of 1 processors free (others use them)", ""):
        waiting.now(words, cells[0].trial.key)
        with pytest.raises(SystemExit):
            main()
        output = capsys.readouterr().out
        assert (words or "nothing is running") in output
        assert ("nothing is running" in output) == (not words)
