"""Ray on this machine in an environment that does not suit it, and what runs where it cannot start."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from command_line import run_command
from killable_studies import Quiet

from bench.core import BenchError, RunAbortedError
from bench.experiments import launch
from bench.experiments.launch import auto_launcher, ray_folder, ray_session
from bench.experiments.launch.ray_folder import RayStartError
from bench.experiments.launch.ray_process import RayProcess
from bench.storage.record_store import Store

LONG = "a" * 120
LOOK = "from bench.experiments.launch.ray_folder import ray_folder\nwith ray_folder(): pass"


@pytest.fixture
def nowhere(monkeypatch):
    """No folder of this machine can hold Ray's sockets, and every study is one for Ray."""
    monkeypatch.setattr(ray_folder, "FIXED", ())
    for name in ("RAY_TMPDIR", "TMPDIR", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, "/proc/none")
    monkeypatch.setattr(auto_launcher, "MANY", 0)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def test_the_folder_is_private_and_short_where_tmpdir_is_too_long_for_a_socket(tmp_path, monkeypatch):
    (tmp_path / LONG).mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / LONG))
    with ray_folder.ray_folder() as folder:
        assert len(str(folder / ray_folder.SOCKET)) <= 103
        assert folder.stat().st_mode & 0o777 == 0o700
        token = Path(os.environ["RAY_AUTH_TOKEN_PATH"])
        assert token.parent == folder
        assert token.stat().st_mode & 0o777 == 0o600
    assert not folder.exists()
    assert "RAY_AUTH_TOKEN_PATH" not in os.environ


def test_the_folder_stays_private_although_ray_lets_everybody_write_in_its_own(monkeypatch):
    from ray._common.utils import try_to_create_directory

    def begin(**arguments):
        given.append(Path(arguments["_temp_dir"]))
        try_to_create_directory(str(given[0]))  # what ray.init does first
        modes.extend(folder.stat().st_mode & 0o777 for folder in (given[0].parent, given[0]))

    given, modes = [], []
    monkeypatch.setattr("ray.init", begin)
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    with ray_session.connected(""):
        token = Path(os.environ["RAY_AUTH_TOKEN_PATH"])
    assert modes == [0o700, 0o777]
    assert token.parent == given[0].parent
    assert not token.parent.exists()


def test_the_token_of_a_user_is_kept(monkeypatch):
    monkeypatch.setenv("RAY_AUTH_TOKEN", "mine")
    with ray_folder.ray_folder():
        assert "RAY_AUTH_TOKEN_PATH" not in os.environ


def test_ray_gets_a_home_where_there_is_none_and_the_environment_is_restored(monkeypatch):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as for a user without an entry in passwd
    with ray_folder.ray_folder() as folder:
        assert os.environ["HOME"] == str(folder)
    assert "HOME" not in os.environ


def test_no_folder_for_sockets_is_one_line_that_names_what_to_set(nowhere):
    with pytest.raises(RayStartError, match="set RAY_TMPDIR to a writable folder with a short path") as caught:
        ray_folder.ray_folder().__enter__()
    assert "\n" not in str(caught.value)


def test_a_machine_without_a_loopback_is_noticed_at_once():
    done = subprocess.run(["unshare", "-n", sys.executable, "-c", LOOK], capture_output=True, text=True, timeout=60)
    if done.stderr.startswith("unshare"):
        pytest.skip(done.stderr)
    assert "no connection to 127.0.0.1 (Network is unreachable)" in done.stderr.splitlines()[-1]


def test_trials_run_one_after_the_other_where_ray_cannot_start(cells, nowhere, tmp_path):
    wave = [cell.trial for cell in cells if cell.arm == "constant" and cell.role == "arm"]
    store, progress = Store(tmp_path / "r"), Quiet()
    launch.launch(launch.PendingTrials([wave], frozenset()), store, "auto", progress)
    assert {store.get(trial.key).status for trial in wave} == {"done"}
    assert len(progress.words) == 1
    assert progress.words[0].startswith("Ray cannot start on this machine: none of /proc/none can hold its sockets")
    assert progress.words[0].endswith("; running them one after the other")


def test_searches_run_in_this_process_where_ray_cannot_start(plugins, nowhere, one_format, capsys, monkeypatch):
    words = ("tune", "--study", "searched", "--arm", "net", "--trials", "1")
    status, text = run_command(capsys, monkeypatch, *words)
    assert status == 0, text
    assert "search 2 of 2" in text
    assert text.count("Ray cannot start on this machine") == 1  # and not once for each search


@pytest.mark.parametrize("command", ["run", "tune"])
def test_ray_that_is_asked_for_by_name_is_not_replaced(plugins, nowhere, capsys, monkeypatch, command):
    status, text = run_command(capsys, monkeypatch, command, "--study", "searched", "--launcher", "ray")
    assert status == 1
    last = text.splitlines()[-1]
    assert last.startswith("bench: Ray cannot start on this machine: none of /proc/none can hold its sockets")
    assert last.endswith("use --launcher serial")


@pytest.mark.parametrize("error", [Exception("timed out"), PermissionError(13, "denied", "/tmp/x"), ValueError("a\nb")])
def test_any_error_at_the_start_of_ray_is_one_line(monkeypatch, error):
    def fail(**_):
        raise error

    monkeypatch.setattr("ray.init", fail)
    with pytest.raises(RayStartError) as caught, ray_session.connected(""):
        pass
    assert "\n" not in str(caught.value)


def test_a_broken_package_ray_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RayStartError, match="the package ray cannot be imported"), ray_session.connected(""):
        pass


def test_an_address_of_the_environment_that_nobody_answers_names_its_variable(monkeypatch):
    monkeypatch.setattr(ray_session, "WAIT", 0.2)
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    with pytest.raises(RunAbortedError, match="or unset RAY_ADDRESS to run on this machine"):
        ray_session.connected("127.0.0.1:9").__enter__()
    monkeypatch.setenv("RAY_ADDRESS", "http://x")
    with pytest.raises(BenchError, match=r"'http://x' is not an address .* or unset RAY_ADDRESS"):
        launch.resolve_launcher("auto")


def test_a_python_that_may_not_be_started_is_a_start_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text("")
    monkeypatch.setattr(sys, "executable", str(python))
    before = set(Path(tempfile.gettempdir()).glob("ray-*"))
    with pytest.raises(RayStartError, match="cannot be started"), RayProcess(""):
        pass
    assert set(Path(tempfile.gettempdir()).glob("ray-*")) <= before


def test_where_processes_cannot_be_supervised_trials_run_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "name", "nt")
    with pytest.raises(
        RayStartError, match=r"Linux and macOS only; on Windows run bench in WSL 2, or use --launcher se"
    ):
        RayProcess("")
