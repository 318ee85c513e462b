"""Every planted fault gets the answer that is known, and the sound program does not."""

from __future__ import annotations

import os
from collections import Counter

import pytest
from command_line import run_command

from bench.analysis.verify.planted_fault import CAUGHT, CONTROL, MISSED, PREVENTED, PlantedFault
from bench.analysis.verify.sandbox import VARIABLES
from bench.analysis.verify.verification import VerifiedFault, all_faults, verify
from bench.analysis.verify.verification_table import verification_page

FAULTS = all_faults()
CHEAP = ("exact_copies", "lacking_class", "phantom_beside_scans", "metric_of_the_wrong_sign", "label_in_padding")
PARAMETERS = [
    pytest.param(fault, id=fault.name, marks=[] if fault.name in CHEAP else [pytest.mark.slow]) for fault in FAULTS
]


@pytest.mark.parametrize("fault", PARAMETERS)
def test_the_answer_to_a_planted_fault_is_the_known_one(fault: PlantedFault):
    folders = [os.environ.get(name) for name in VARIABLES]
    verified = verify(fault)
    assert verified.answer == fault.answer, verified.words
    assert verified.words
    assert [os.environ.get(name) for name in VARIABLES] == folders


def test_thirty_faults_are_planted_and_every_miss_says_why():
    counts = Counter(fault.answer for fault in FAULTS)
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 30
    assert counts[CAUGHT] + counts[CONTROL] + counts[PREVENTED] >= 27
    assert all(len(fault.why) > 80 for fault in FAULTS if fault.answer == MISSED)


def loud(place, faulty: bool) -> str:
    return "always the same answer"


def test_an_answer_that_the_sound_program_gets_too_is_a_false_alarm():
    verified = verify(PlantedFault("loud", "Nothing.", CAUGHT, loud))
    assert verified.answer == "false alarm"
    assert not verified.as_expected


def test_a_fault_that_is_no_longer_caught_is_missed_and_ends_the_command_with_1(capsys, monkeypatch):
    silent = PlantedFault("silent", "Nothing.", CAUGHT, lambda place, faulty: "")
    monkeypatch.setattr("bench.analysis.verify.verification.all_faults", lambda: [silent])
    status, text = run_command(capsys, monkeypatch, "verify")
    assert status == 1
    assert "silent: missed (expected: caught)" in text


def test_the_command_prints_the_answers_and_writes_the_table(capsys, monkeypatch, tmp_path):
    status, text = run_command(capsys, monkeypatch, "verify", "exact_copies", "--out", "table.md")
    assert status == 0
    assert "1 planted fault: 1 caught." in text
    table = (tmp_path / "table.md").read_text()
    assert (
        "| exact_copies | Eight files are copies of others under other names. | caught | 8 groups were united" in table
    )
    status, text = run_command(capsys, monkeypatch, "verify", "--list")
    assert len(text.splitlines()) == len(FAULTS)
    assert run_command(capsys, monkeypatch, "verify", "exact_copy")[0] == 2


def test_the_page_hides_no_miss():
    misses = [fault for fault in FAULTS if fault.answer == MISSED]
    page = verification_page([VerifiedFault(fault, MISSED, fault.why, 1.0) for fault in misses], "bench verify")
    assert all(f"| {fault.name} |" in page for fault in misses)
    assert f"{len(misses)} missed" in page
