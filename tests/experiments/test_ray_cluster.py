"""Studies on a real Ray cluster of two nodes: what is shared, sent and refused, and what survives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from killable_studies import Quiet
from ray_clusters import Cluster
from record_comparison import without_times

from bench import registry
from bench.core import Arm, BenchError, Recipe, RunAbortedError
from bench.data.prepare import prepare
from bench.experiments import launch, plan
from bench.storage.record_store import Store

pytestmark = pytest.mark.slow  # a minute and more: each node imports torch
RUN = [sys.executable, "-m", "bench", "run", "--study", "forty_trials", "--launcher", "ray"]


@pytest.fixture
def two():
    """Two nodes of one processor each."""
    with Cluster() as nodes:
        nodes.start("one")
        nodes.start("two")
        yield nodes


@pytest.fixture
def tiny(plugins):
    return plan.cells(registry.study("tiny"), [prepare("tiny_volumes").spec])


def run(cells, root, launcher, address=""):
    store, watch = Store(root), Quiet()
    launch.launch(launch.outstanding(cells, store), store, launcher, watch, address)
    return store, watch


def run_in_new_process(root):
    """The same study on a Ray of this machine, in a process of its own: Ray keeps to the one it began with."""
    words = [sys.executable, "-m", "bench", "run", "--study", "tiny", "--launcher", "ray"]
    done = subprocess.run(words, env={**os.environ, "BENCH_RESULTS": str(root)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return Store(root)


def nodes_of(store):
    paths = store.trials.glob("[!.]*/record.json")
    return [json.loads(path.read_text())["provenance"].get("node", "") for path in paths]


def test_serial_ray_here_and_a_cluster_give_the_same_bytes_times_aside(tiny, tmp_path, two):
    stores = [run(tiny, tmp_path / "serial", "serial")[0], run_in_new_process(tmp_path / "ray")]
    stores.append(run(tiny, tmp_path / "cluster", "ray", two.address)[0])
    assert set(nodes_of(stores[2])) == {"one", "two"}
    left = [without_times(store) for store in stores]
    assert len(left[0]) == len(tiny)
    assert left[0] == left[1] == left[2]


def test_a_study_of_forty_trials_survives_the_loss_of_a_node(plugins, tmp_path, two):
    out = (tmp_path / "out").open("w+")
    child = subprocess.Popen([*RUN, "--address", two.address], stdout=out, stderr=out)
    wait_for(child, tmp_path / "results", 12, {"one", "two"})
    two.kill("two")
    status, output = child.wait(500), (tmp_path / "out").read_text()
    out.close()
    assert status == 0, output
    assert "node two left the cluster" in output
    complete(tmp_path / "results")


def test_a_study_of_forty_trials_survives_the_loss_of_its_driver(plugins, tmp_path, two):
    words = [*RUN, "--address", two.address]
    first = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(first, tmp_path / "results", 12, {"one", "two"})
    marks = {path: path.read_bytes() for path in records(tmp_path / "results")}
    first.kill()
    first.wait()
    done = subprocess.run(words, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(path.read_bytes() == content for path, content in marks.items())
    complete(tmp_path / "results")


def records(root):
    return sorted(root.glob("trials/[!.]*/record.json"))


def wait_for(child, root, count, names):
    """Until so many trials are recorded, and each of the nodes has done one."""
    while len(records(root)) < count or not names <= set(nodes_of(Store(root))):
        assert child.poll() is None
        time.sleep(0.1)


def complete(root):
    """All trials of the plan are recorded, each once, whole, and nothing is left over."""
    planned = {cell["key"] for cell in json.loads((root / "forty_trials" / "plan.json").read_text())["cells"]}
    assert len(planned) == 40
    folders = [path.name for path in (root / "trials").iterdir() if not path.name.startswith(".")]
    assert sorted(folders) == sorted(planned)
    store = Store(root)
    assert {store.verified(key).status for key in planned} == {"done"}
    assert set(nodes_of(store)) == {"one", "two"}
    store.sweep()
    assert list(store.trials.glob(".running-*")) == []


def test_a_node_that_sees_no_results_folder_and_has_no_code_is_sent_all_it_needs(tiny, tmp_path, plugins):
    (tmp_path / "apart").mkdir()
    hidden = Path(tmp_path / "apart")
    empty = tmp_path / "empty"
    empty.mkdir()
    with Cluster() as nodes:
        if not nodes.may_hide():
            pytest.skip("no file systems can be mounted here")
        nodes.start("head", resources={"num_cpus": 0})
        nodes.start("far", hidden=hidden, PYTHONPATH=str(empty))
        store, watch = run(tiny, hidden / "results", "ray", nodes.address)
    assert watch.has_message("records are sent back from nodes that do not see the results folder: far")
    assert set(nodes_of(store)) == {"far"}
    expected, _ = run(tiny, tmp_path / "serial", "serial")
    assert without_times(store) == without_times(expected)
    assert not list(store.trials.glob(".running-*"))


def test_a_node_with_other_packages_or_other_data_is_named_with_what_differs(tiny, tmp_path):
    about = tmp_path / "other" / "timm-0.0.1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: timm\nVersion: 0.0.1\n")
    around = {"PYTHONPATH": os.pathsep.join([str(about.parent), os.environ.get("PYTHONPATH", "")])}
    with Cluster() as nodes:
        nodes.start("head", resources={"num_cpus": 0})
        nodes.start("older", BENCH_DATA=str(tmp_path / "nothing"), **around)
        with pytest.raises(RunAbortedError) as refused:
            run(tiny, tmp_path / "r", "ray", nodes.address)
    expected = str(refused.value)
    assert "node older: timm 0.0.1, here" in expected
    assert "node older: tiny_volumes is not prepared in" in expected
    assert "node head" not in expected
    assert not records(tmp_path / "r")


def test_trials_that_never_fit_are_reported_at_once_and_a_gpu_is_shared_as_measured(plugins, tmp_path, two):
    study = replace(registry.study("tiny"), recipe=Recipe(steps=4, batch_size=4, points=2, threads=64))
    cells = plan.cells(study, [prepare("tiny_volumes").spec])
    since = time.monotonic()
    with pytest.raises(BenchError, match=r"needs 64 processors.*the largest node has 1: it could never run here"):
        run(cells, tmp_path / "r", "ray", two.address)
    assert time.monotonic() - since < 60
    two.start("gpu", resources={"num_cpus": 4, "num_gpus": 1, "custom": {"gpu_memory_mb": 100.0}})
    small = replace(study, recipe=Recipe(steps=4, batch_size=4, points=2), arms={"net": Arm("tiny_net")})
    small = replace(small, again=None, random_labels=None, floors=[])
    cells = plan.cells(small, [prepare("tiny_volumes").spec])
    with pytest.raises(BenchError, match=r"MB of a GPU; the largest has 100: it could never run here"):
        run(cells, tmp_path / "r", "ray", two.address)
    two.kill("gpu")
    two.start("large", resources={"num_cpus": 4, "num_gpus": 1, "custom": {"gpu_memory_mb": 1e5}})
    store, watch = run(cells, tmp_path / "r", "ray", two.address)
    assert set(nodes_of(store)) == {"large"}
    assert watch.has_message("trials run on the 1 nodes with GPUs")


HOLD = """
import sys
from bench.experiments.launch.ray_session import connected

def hold(path):
    import os, time
    open(path, "w").close()
    while not os.path.exists(path + ".end"):
        time.sleep(0.1)

with connected(sys.argv[1]) as ray:
    ray.get(ray.remote(hold).options(num_cpus=1).remote(sys.argv[2]))
"""


def test_a_run_waits_for_busy_processors_says_so_and_continues(plugins, tmp_path):
    with Cluster() as nodes:
        nodes.start("only")
        other = subprocess.Popen([sys.executable, "-c", HOLD, nodes.address, str(tmp_path / "held")])
        until = time.monotonic() + 60
        while not (tmp_path / "held").exists():
            assert other.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
        words = [sys.executable, "-m", "bench", "run", "--study", "tiny", "--address", nodes.address]
        with (tmp_path / "out").open("w") as out:
            child = subprocess.Popen(words, stdout=out, stderr=out)
            expected = "waiting for room: node only has 0 of 1 processors free (others use them)"
            while expected not in (tmp_path / "out").read_text():
                assert child.poll() is None, (tmp_path / "out").read_text()
                assert time.monotonic() < until + 60, (tmp_path / "out").read_text()
                time.sleep(0.1)
            looked = [*words[:3], "status", "--study", "tiny"]
            assert expected in subprocess.run(looked, capture_output=True, text=True, check=True).stdout
            assert not records(tmp_path / "results")
            (tmp_path / "held.end").touch()
            assert child.wait(300) == 0, (tmp_path / "out").read_text()
        other.wait(60)
