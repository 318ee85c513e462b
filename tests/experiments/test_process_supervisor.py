"""What the supervisor of Ray ends and reports, with small commands in place of Ray."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.experiments.launch import process_supervisor
from bench.experiments.launch.process_supervisor import ServiceWatch

PARENT = """
import os, subprocess, sys
supervisor, folder, *command = sys.argv[1:]
descriptor = os.open(os.devnull, os.O_RDONLY)
words = [sys.executable, "-I", "-S", supervisor, str(os.getpid()), folder, str(descriptor), *command]
pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "start_new_session": True}
subprocess.Popen(words, pass_fds=[descriptor], **pipes, env={**os.environ, "RAY_TMPDIR": folder})
sys.stdin.read()
"""
ESCAPING = "sleep {0} & setsid sleep {0} & (setsid sleep {0} &) & wait"  # in the group, apart from it, orphaned


def waited(condition, seconds=20.0):
    """Whether the condition comes true."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def running(words):
    """The processes with these words as their command line."""
    command = "".join(f"{word}\0" for word in words.split()).encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [int(path.parent.name)] if path.read_bytes() == command else []
        except OSError:
            continue
    return found


@pytest.fixture
def sleeping():
    """A command that sleeps as no other one on this machine does; none is left afterwards."""
    words = f"sleep {1000 + os.getpid()}.{time.monotonic_ns() % 1000}"
    yield words
    for pid in running(words):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def supervised(tmp_path):
    """Starts the supervisor of a shell script."""
    with contextlib.ExitStack() as started:

        def begin(script):
            with open(os.devnull) as inherited:
                number = inherited.fileno()
                words = [sys.executable, "-I", "-S", process_supervisor.__file__, str(os.getpid()), str(tmp_path)]
                pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "start_new_session": True}
                child = subprocess.Popen([*words, str(number), "sh", "-c", script], pass_fds=[number], **pipes)
            return started.enter_context(child)

        yield begin


def test_nothing_outlives_a_killed_parent_not_even_what_left_its_session(tmp_path, sleeping):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").touch()
    script = ESCAPING.format(sleeping.split()[1])
    words = [sys.executable, "-c", PARENT, process_supervisor.__file__, str(folder), "sh", "-c", script]
    parent = subprocess.Popen(words, stdin=subprocess.PIPE)
    assert waited(lambda: len(running(sleeping)) == 3)
    parent.kill()
    parent.wait()
    assert waited(lambda: not running(sleeping))
    assert waited(lambda: not folder.exists())
    parent.stdin.close()


@pytest.mark.parametrize("how", ["closed", "terminated", "asked"])
def test_nothing_is_left_once_the_parent_asks(tmp_path, supervised, sleeping, how):
    supervisor = supervised(ESCAPING.format(sleeping.split()[1]))
    other = subprocess.Popen(sleeping.split())  # of somebody else
    assert waited(lambda: len(running(sleeping)) == 4)
    if how == "terminated":
        supervisor.send_signal(signal.SIGTERM)
    elif how == "asked":
        supervisor.stdin.write(".")
        supervisor.stdin.flush()
    else:
        supervisor.stdin.close()
    assert supervisor.wait(20) == 0
    assert running(sleeping) == [other.pid]
    assert tmp_path.exists()
    other.kill()
    other.wait()


def test_the_end_of_the_command_is_reported_with_its_status(supervised, sleeping):
    supervisor = supervised(f"setsid {sleeping} & exit 7")
    assert supervisor.wait(20) == 0
    assert supervisor.stdout.read() == "command ended 7\n"
    assert not running(sleeping)


def test_the_command_takes_signals_as_any_other(tmp_path, supervised):
    script = "import signal; print(*(signal.getsignal(getattr(signal, f'SIG{name}')) for name in ('HUP', 'QUIT')))"
    words = f'exec {sys.executable} -c "{script}" > {tmp_path}/found'
    supervised(words).wait(20)
    assert (tmp_path / "found").read_text().split() == [str(signal.SIG_DFL)] * 2


@pytest.fixture
def service(tmp_path):
    """A process named as Ray's raylet is, started by this one."""
    program = tmp_path / "raylet"
    shutil.copy(shutil.which("sleep"), program)
    with subprocess.Popen([program, "1000"]) as process:
        yield process
        process.kill()


def test_a_service_that_is_killed_is_reported_at_once(service):
    watch = ServiceWatch(os.getpid())
    assert waited(lambda: not watch.fault() and watch.pids == {"raylet": service.pid})
    service.kill()
    assert waited(lambda: watch.fault() == "raylet ended", 5)


def test_a_service_that_stays_stopped_is_reported_and_one_that_goes_on_is_not(service):
    watch = ServiceWatch(os.getpid())
    assert waited(lambda: not watch.fault() and watch.pids)
    polls = int(process_supervisor.STOPPED / process_supervisor.EVERY)
    service.send_signal(signal.SIGSTOP)
    assert waited(lambda: process_supervisor.process_table()[service.pid][1] == "T")
    assert [watch.fault() for _ in range(polls - 1)] == [""] * (polls - 1)
    service.send_signal(signal.SIGCONT)
    assert waited(lambda: process_supervisor.process_table()[service.pid][1] != "T")
    assert not watch.fault()
    service.send_signal(signal.SIGSTOP)
    assert waited(lambda: process_supervisor.process_table()[service.pid][1] == "T")
    assert [watch.fault() for _ in range(polls)] == [""] * (polls - 1) + ["raylet stopped"]


def test_the_raylet_of_another_run_is_not_watched(service):
    watch = ServiceWatch(service.pid)
    watch.fault()
    assert not watch.pids
