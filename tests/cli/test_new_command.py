"""`bench new`: each file runs as it stands, and nothing is overwritten."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bids_trees import volume, write_scan, write_table
from command_line import run_command

from bench import registry


@pytest.fixture
def here(plugins, tmp_path, monkeypatch):
    """An own plug-in folder before that of the small members of the tests."""
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("BENCH_PLUGINS", os.pathsep.join([str(own), str(plugins)]))
    registry.clear_cache()
    return own


def test_a_new_method_and_a_new_study_of_it_run_as_they_stand(here, capsys, monkeypatch):
    status, text = run_command(capsys, monkeypatch, "new", "method", "narrow")
    assert (status, text.splitlines()[0]) == (0, str(here / "narrow.py"))
    assert "next: bench new study narrow_study --method narrow" in text
    words = ("new", "study", "first", "--method", "narrow", "--dataset", "tiny_volumes")
    assert run_command(capsys, monkeypatch, *words)[0] == 0
    assert registry.study("first").question == "Is narrow better than a linear model of the voxels on tiny_volumes?"
    status, text = run_command(capsys, monkeypatch, "run", "first", "--smoke")
    assert status == 0, text
    assert "the study first runs: 2 arms on 1 data set" in text


def test_a_new_data_set_prepares_a_bids_folder_as_it_stands(here, tmp_path, capsys, monkeypatch):
    assert run_command(capsys, monkeypatch, "new", "dataset", "ward")[0] == 0
    source = tmp_path / "bids"
    people = [{"participant_id": f"sub-{n}", "age": 50 + n, "group": ("control", "patient")[n % 2]} for n in range(4)]
    write_table(source / "participants.tsv", people)
    for n in range(4):
        write_scan(source / f"sub-{n}" / "anat" / f"sub-{n}_T1w.nii.gz", volume(value=100 + n))
    status, text = run_command(capsys, monkeypatch, "prepare", "ward", "--from", str(source))
    assert status == 0, text
    assert "ward: 4 scans of 4 groups, shape (1, 91, 109, 91)" in text
    assert "control: 2, patient: 2" in text


def test_without_a_plug_in_folder_one_is_made(tmp_path, monkeypatch, capsys):
    registry.clear_cache()
    assert run_command(capsys, monkeypatch, "new", "study", "mine") == (
        0, "plugins/mine.py\nnext: bench plan mine\nnext: bench run mine --smoke\n"
    )  # fmt: skip
    assert (tmp_path / "plugins" / "mine.py").is_file()


def test_a_file_that_is_there_stays_as_it_is(here, capsys, monkeypatch):
    (here / "mine.py").write_text("# my work\n")
    status, text = run_command(capsys, monkeypatch, "new", "study", "mine")
    assert (status, "already exists; nothing was written" in text) == (2, True)
    assert (here / "mine.py").read_text() == "# my work\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("stduy", "x"), "did you mean 'study'?"),
        (("study", "my-study"), "use letters, digits and _"),
        (("study", "_hidden"), "use letters, digits and _"),
        (("method", "class"), "cannot be the name of a file of Python"),
        (("method", "dclse"), "there is a method 'dclse' already"),
        (("study", "x", "--method", "dcls"), "did you mean 'dclse'?"),
        (("study", "x", "--dataset", "phantom_a"), "did you mean 'phantom_ad'?"),
        (("study", "x", "--method", "linear"), "name another method"),
    ],
)
def test_wrong_names_are_refused_and_nothing_is_written(here, capsys, monkeypatch, words, message):
    status, text = run_command(capsys, monkeypatch, "new", *words)
    assert status == 2
    assert message in text
    assert not list(here.iterdir())
    assert not Path("plugins").exists()
