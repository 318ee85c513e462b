"""Searches on a real Ray cluster of two nodes: the same candidates with and without a shared folder, and errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from ray_clusters import Cluster

from bench import registry
from bench.core import BenchError, RunAbortedError, paths
from bench.data.prepare import prepare
from bench.experiments import plan, search
from bench.experiments.launch.jobs import memory_kind
from bench.experiments.launch.ray_session import connected
from bench.experiments.launch.resources import MARGIN
from bench.experiments.search.ray_resources import RayTarget, request_resources
from bench.experiments.search.search_report import candidate_table

pytestmark = pytest.mark.slow  # a minute and more: each node imports torch
SLOW = """
from bench.core import Arm, Data, Floats, Recipe, Study, Tuning
STUDY = Study(question="?", datasets=[Data("tiny_volumes")], reference="net", floors=[], folds=2, partitions=1,
    arms={"net": Arm("tiny_net", {"pause": 0.1})}, recipe=Recipe(steps=20, batch_size=4, points=10),
    tuning=Tuning(trials=10, spaces={"net": {"lr": Floats(1e-4, 1e-1)}}, pruner="none", sampler="random"))
"""


@pytest.fixture
def data(plugins):
    return plan.ResolvedData(prepare("tiny_volumes").spec)


def found(study, data, root, launcher, place=None, trials=6):
    ones, _ = search.define_searches("searched", study, [data], ["net"], [0])
    (one,) = search.run_searches(
        ones, search.OptunaStorage(str(root / "s.db")), trials, root / "claims", launcher, target=place
    )
    assert not [each.error for each in one.candidates if each.error]
    return one


@pytest.mark.parametrize("hides", [False, True])
def test_a_cluster_finds_what_one_process_finds(data, tmp_path, hides):
    study, messages = registry.study("searched"), []
    (tmp_path / "there" / "claims").mkdir(parents=True)
    with Cluster() as nodes:
        if hides and not nodes.may_hide():
            pytest.skip("a node may not have a mount of its own here")
        nodes.start("one")
        nodes.start("two", **({"hidden": tmp_path / "there"} if hides else {}))
        there = found(study, data, tmp_path / "there", "auto", RayTarget(nodes.address, {}, messages.append))
    assert set(candidate_table([there])["node"]) == {"one", "two"}
    assert there.digest == found(study, data, tmp_path / "here", "serial").digest
    assert ["two" in words for words in messages] == [True] * hides, messages


def test_a_node_that_is_killed_costs_no_candidate(plugins, tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "long_search.py").write_text(SLOW)
    monkeypatch.setenv("BENCH_PLUGINS", os.pathsep.join([str(plugins), str(tmp_path / "own")]))
    words = [sys.executable, "-m", "bench", "tune", "--study", "long_search", "--fold", "0", "--address"]
    status = [sys.executable, "-m", "bench", "status", "--study", "long_search", "--json"]
    with Cluster() as nodes:
        nodes.start("one")
        nodes.start("two")
        child = subprocess.Popen(
            [*words, nodes.address], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={
                **os.environ, "RAY_AUTH_MODE": "disabled"})  # fmt: skip
        until, state = time.monotonic() + 240, {}
        while len(state.get("running", ())) < 2 or state.get("complete", 0) < 2:
            assert time.monotonic() < until, state
            assert child.poll() is None, child.communicate()
            done = subprocess.run(status, capture_output=True, text=True)
            state = json.loads(done.stdout)["search"] if done.returncode == 0 else {}
        nodes.kill("two")
        output, _ = child.communicate(timeout=240)
    assert child.returncode == 0, output
    (one,) = json.loads((paths.results_root() / "long_search" / "tuned.json").read_text())["sets"]
    assert (one["cost"]["trials"], one["search"]["done"]) == (10, 10)


def test_nodes_that_differ_or_could_never_hold_a_candidate_are_refused_at_once(data, tmp_path):
    study = registry.study("searched")
    with Cluster() as nodes:
        nodes.start("one")
        place = RayTarget(nodes.address)
        many = replace(study, recipe=replace(study.recipe, threads=64))
        with pytest.raises(BenchError, match="needs 64 processors, the threads of its recipe; the largest node has 1"):
            found(many, data, tmp_path, "ray", place)
        (tmp_path / "none").mkdir()
        nodes.start("two", BENCH_DATA=str(tmp_path / "none"))
        with pytest.raises(RunAbortedError, match="node two: tiny_volumes is not prepared in"):
            found(study, data, tmp_path, "ray", place)


def test_the_share_of_a_gpu_is_that_of_two_steps_that_were_measured(data, tmp_path):
    ones, _ = search.define_searches("searched", registry.study("searched"), [data], ["net"], [0])
    trial, peaks = ones[0].trial, {}
    with Cluster() as nodes:
        nodes.start("one", resources={"num-cpus": 8, "num-gpus": 1, "custom": {"gpu_memory_mb": 4000}})
        with connected(nodes.address) as ray:
            need, slots, _ = request_resources(ray, trial, tmp_path, RayTarget(nodes.address, peaks))
            ((kind, peak),) = peaks.items()
            assert kind == ("cpu", memory_kind(trial))
            assert slots == int(4000 // (peak * MARGIN))
            assert need.gpu == pytest.approx(1 / slots, abs=1e-4)
            peaks[kind] = 4000 / MARGIN / 2.5
            need, slots, _ = request_resources(ray, trial, tmp_path, RayTarget(nodes.address, peaks))
    assert (need.gpu, slots) == (0.5, 2), "what records tell is not measured again"
