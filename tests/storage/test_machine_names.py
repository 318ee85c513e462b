"""Messages lose what names a machine or its user, and keep every other word and number."""

from __future__ import annotations

import pytest

from bench.storage import machine_names
from bench.storage.anonymise import clean
from bench.storage.machine_names import hide_machine


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    monkeypatch.setattr("platform.node", lambda: "wardserver7.hospital.org")
    monkeypatch.setattr("socket.gethostname", lambda: "localhost")
    monkeypatch.setattr("getpass.getuser", lambda: "root")
    machine_names._own_names.cache_clear()
    yield
    machine_names._own_names.cache_clear()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(TrialWorker pid=4711, ip=10.0.0.7) died", "(TrialWorker (a process), (an address)) died"),
        ("pid: 4711\nip: 192.168.1.20", "(a process)\n(an address)"),
        ("no answer of 10.0.0.7:6379", "no answer of (an address)"),
        ("Process 12345 has 2 GiB", "(a process) has 2 GiB"),
        ("on wardserver7, wardserver7.hospital.org", "on (a machine or user), (a machine or user)"),
        ("lost gpunode5", "lost (a machine or user)"),
        ("no folder /home/bob", "no folder ~"),
        ("no folder C:\\Users\\bob, sorry", "no folder ~, sorry"),
        ("the data root of gpunode55 on localhost", "the data root of gpunode55 on localhost"),
        ("torch 2.13.0 needs 1.2.3 and 256.1.1.1", "torch 2.13.0 needs 1.2.3 and 256.1.1.1"),
        ("3 processes; 12 of 40 steps", "3 processes; 12 of 40 steps"),
    ],
)
def test_a_message_names_no_machine(text, expected):
    assert hide_machine(text, ["gpunode5"]) == expected


def test_a_path_below_the_home_folder_is_left_to_the_rules_for_paths():
    assert clean(hide_machine("cannot read /home/bob/oasis/a.csv")) == "cannot read …/a.csv"
