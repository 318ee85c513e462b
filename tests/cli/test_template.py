"""Templates for clusters: whole, filled, and right in the eyes of who reads them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import ray
import yaml

from bench.cli.template import FILES, fill_template
from bench.core import BenchError

ROOT = Path(__file__).parents[2]
COMMAND = "bench run --study strong_phantoms --launcher ray --address"

STUB = """#!/bin/bash
echo "$(basename "$0") $*" >> "{log}"
case "$(basename "$0")" in
    scontrol) printf 'n1\\nn2\\n' ;;
    srun) case "$*" in *hostname*) echo 10.1.2.3 10.1.2.4 ;; *--head*) {head} ;; *) exec sleep 60 ;; esac ;;
    ray) case "$*" in status*) {ray} ;; esac ;;
    bench) exec {python} -c '{bench}' "{log}" {seconds} {status} ;;
esac
"""


# As the command does, it sets its own handler: a shell begins what runs beside it with SIGINT ignored.
BENCH = """
import signal, sys, time
def end(*_):
    open(sys.argv[1], "a").write("bench finishes\\n")
    sys.exit(int(sys.argv[3]))
signal.signal(signal.SIGINT, end)
open(sys.argv[1], "a").write("bench is at work\\n")
time.sleep(float(sys.argv[2]))
"""


@pytest.mark.parametrize("name", FILES)
def test_a_template_names_the_study_and_leaves_no_hole(name):
    text = fill_template(name, "strong_phantoms")
    assert (COMMAND if name in ("slurm", "kuberay", "ray-up") else "run --study strong_phantoms") in text
    assert "{{" not in text
    assert "}}" not in text.replace("}}'", "")


@pytest.mark.parametrize("name", FILES)
def test_templates_travel_with_the_package(name):
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["bench"]
    assert any((ROOT / "bench" / "templates" / FILES[name]) in (ROOT / "bench").glob(pattern) for pattern in patterns)


def test_ray_up_reads_its_template_as_valid():
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = yaml.safe_load(fill_template("ray-up", "strong_phantoms"))
    validate_config(prepare_config(config))
    assert "--include-dashboard=false" in config["head_start_ray_commands"][1]


def test_kuberay_gets_one_volume_one_image_and_this_version_of_ray():
    spec = yaml.safe_load(fill_template("kuberay", "strong_phantoms"))["spec"]["rayClusterSpec"]
    assert spec["rayVersion"] == ray.__version__
    pods = [group["template"]["spec"] for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"])]
    assert len(pods) == 2
    assert pods[0]["volumes"] == pods[1]["volumes"]
    images, mounts, around = ([pod["containers"][0][part] for pod in pods] for part in ("image", "volumeMounts", "env"))
    assert images[0] == images[1]
    assert mounts[0] == mounts[1]
    assert {entry["name"] for entry in around[0]} >= {"BENCH_DATA", "BENCH_RESULTS"}


@pytest.fixture
def slurm(tmp_path):
    """The batch script with programs that only write down how they were called; bench takes so many seconds, and ends
    with `status` where it is asked to. head, ray: what the head does, and the programs that ask about it."""

    processes = []

    def begin(seconds, status=130, head="exec sleep 60", ray="true"):
        programs, log = tmp_path / "programs", tmp_path / "log"
        programs.mkdir()
        for name in ("srun", "scontrol", "ray", "bench"):
            how = {"log": log, "seconds": seconds, "status": status, "head": head, "ray": ray}
            (programs / name).write_text(STUB.format(**how, python=sys.executable, bench=BENCH))
            (programs / name).chmod(0o755)
        home = tmp_path / "home" / "bench" / ".venv" / "bin"
        home.mkdir(parents=True)
        (home / "activate").write_text("")
        script = tmp_path / "script.sh"
        script.write_text(fill_template("slurm", "strong_phantoms").replace("patience=300", "patience=3"))
        subprocess.run(["bash", "-n", str(script)], check=True)
        around = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(tmp_path / "home")}
        around |= {"SLURM_JOB_ID": "12345", "SLURM_CPUS_PER_TASK": "4", "SLURM_JOB_NODELIST": "n[1-2]"}
        expected = (tmp_path / "said").open("w")
        processes.append(subprocess.Popen(["bash", str(script)], env=around, start_new_session=True, stderr=expected))
        expected.close()
        return processes[-1], log

    yield begin
    for job in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(job.pid, signal.SIGKILL)
        job.wait()


def test_the_batch_script_begins_a_head_and_its_workers_and_runs_the_study_there(slurm):
    job, log = slurm(0)
    assert job.wait(30) == 0
    output = log.read_text()
    assert f"{COMMAND[6:]} 10.1.2.3:32345" in output
    assert "--nodelist=n1 ray start --block --num-cpus=4 --num-gpus=0 --head --node-ip-address=10.1.2.3" in output
    assert "--nodelist=n2 bash -c" in output
    assert "--address=10.1.2.3:32345 --node-name=n2" in output


@pytest.mark.parametrize("status", [130, 0])
def test_the_batch_script_lets_trials_end_when_its_time_is_nearly_over(slurm, status):
    job, log = slurm(50, status)
    until = time.monotonic() + 30
    while "bench is at work" not in (log.read_text() if log.exists() else "") and time.monotonic() < until:
        time.sleep(0.05)
    job.send_signal(signal.SIGUSR1)
    assert job.wait(30) == status
    assert log.read_text().endswith("bench finishes\n")


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("exit 1", "it ended at its start; its messages are above"),
        ("exec sleep 60", "it did not answer within 3 seconds"),
    ],
)
def test_the_batch_script_ends_with_a_reason_if_no_head_node_starts(slurm, tmp_path, head, message):
    job, log = slurm(0, head=head, ray="exit 1")
    assert job.wait(30) == 1
    assert f"no Ray head at 10.1.2.3:32345: {message}; the study was not started" in (tmp_path / "said").read_text()
    assert "bench run" not in log.read_text()


def test_a_wrong_template_and_a_wrong_study_are_refused():
    with pytest.raises(BenchError, match="no template 'slum'; did you mean 'slurm'"):
        fill_template("slum", "quickstart")
    with pytest.raises(BenchError, match="did you mean 'quickstart'"):
        fill_template("slurm", "quickstar")


def test_a_job_states_how_to_search_instead():
    assert (
        '# set: a search of parameters instead of a run: bench tune --study seeds --launcher ray --address "$ip'
        in fill_template("slurm", "seeds")
    )
