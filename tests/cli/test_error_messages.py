"""An error is one message with the right exit status, and without a traceback unless that is requested."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import bids_trees
import numpy as np
import pytest
from command_line import run_command

from bench import registry
from bench.core import RunAbortedError
from bench.data import loader
from bench.data.prepare import DamagedDataError, open_prepared, prepare
from bench.storage.atomic_io import disk_errors, write_text
from bench.views import Slice


def bench(*words, **environment):
    """Run the command in a process of its own."""
    started = [sys.executable, "-c", "from bench.cli import main; main()", *map(str, words)]
    return subprocess.run(started, capture_output=True, text=True, env={**os.environ, **environment}, check=False)


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A folder of plug-ins of one's own."""
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.setenv("BENCH_PLUGINS", str(folder))
    return folder


@pytest.mark.parametrize(("words", "status"), [(["list", "studies"], 0), (["run", "--study", "wrong"], 2)])
def test_a_study_file_that_raises_is_named_with_its_error(mine, words, status):
    (mine / "wrong.py").write_text("STUDY = 1 / 0\n")
    done = bench(*words)
    assert done.returncode == status
    assert f"{mine / 'wrong.py'} cannot be loaded: ZeroDivisionError" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_fault_of_the_program_asks_for_a_report(capsys, monkeypatch):
    def broken(*_):
        raise RuntimeError("out of order")

    monkeypatch.setattr("bench.registry.names", broken)
    _, text = run_command(capsys, monkeypatch, "list", "studies")
    assert text == "bench: internal error (please report): RuntimeError: out of order; rerun with --traceback\n"


def test_an_error_in_a_function_of_a_plug_in_names_its_line_and_its_traceback_comes_when_asked_for(mine):
    (mine / "odd.py").write_text(
        textwrap.dedent("""
        from bench.core import Arm, Data, Study

        class Odd(Study):
            def rows(self):
                raise RuntimeError("out of order")

        STUDY = Odd("Why?", [Data("phantom_ad")])
    """)
    )
    short = bench("plan", "--study", "odd")
    assert (short.returncode, short.stdout) == (1, "")
    place = f"{mine / 'odd.py'}, line 6"
    assert short.stderr == f"bench: {place}: RuntimeError: out of order; rerun with --traceback\n"
    long = bench("plan", "--traceback", "--study", "odd")
    assert long.returncode == 1
    assert "Traceback" in long.stderr
    assert 'raise RuntimeError("out of order")' in long.stderr


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_says_that_it_can_be_resumed(plugins, tmp_path, number, status):
    words = [sys.executable, "-c", "from bench.cli import main; main()", "run", "--study", "long_study"]
    child = subprocess.Popen(
        [*words, "--launcher", "serial"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not list(tmp_path.glob("results/trials/[!.]*/record.json")):
        time.sleep(0.02)
    child.send_signal(number)
    _, output = child.communicate()
    assert child.returncode == status
    warned = number == signal.SIGINT  # the first Ctrl-C lets the trial in flight end, and says so
    assert ("finishing running trials; press Ctrl-C again to stop now" in output) == warned
    assert output.splitlines()[-1] == "bench: interrupted; finished trials are saved; run the same command to resume"


def test_broken_scans_stop_a_preparation_unless_they_may_be_left_out(tmp_path):
    tree = bids_trees.oasis(tmp_path / "tree", 4)
    bids_trees.scan_path(tree, "sub-2").write_bytes(b"")
    stopped = bench("prepare", "ad_oasis", "--from", tree)
    assert stopped.returncode == 1
    assert "1 of 4 scans of ad_oasis cannot be used" in stopped.stderr
    assert "sub-2/ses-01/anat/sub-2_ses-01_T1w.nii.gz" in stopped.stderr
    assert "--skip-broken" in stopped.stderr
    done = bench("prepare", "ad_oasis", "--from", tree, "--skip-broken", "--json")
    assert done.returncode == 0, done.stderr
    output = json.loads(done.stdout)
    assert [each["id"] for each in output["broken"]] == ["sub-2_ses-01"]
    assert "1 scans cannot be used and are left out; manifest.json lists them with reasons" in output["notes"]


@pytest.fixture
def study_of_scans(plugins, mine, one_format, monkeypatch, capsys):
    """Run a floor of a study of `ad_oasis`, which has to succeed; returns what the command prints."""
    (mine / "study.py").write_text((plugins / "tiny.py").read_text().replace("tiny_volumes", "ad_oasis"))
    monkeypatch.setenv("BENCH_PLUGINS", f"{plugins}{os.pathsep}{mine}")
    registry.clear_cache()

    def run() -> str:
        words = ["run", "--study", "study", "--arm", "constant", "--launcher", "serial"]
        status, text = run_command(capsys, monkeypatch, *words)
        assert status == 0, text
        return text

    yield run
    sys.modules.pop("bench_plugins.study", None)
    registry.clear_cache()


def test_the_report_says_how_many_scans_were_left_out(study_of_scans, tmp_path):
    tree = bids_trees.oasis(tmp_path / "tree", 24)
    bids_trees.scan_path(tree, "sub-2").write_bytes(b"")
    prepare("ad_oasis", source=tree, skip_broken=True)
    study_of_scans()
    page = (tmp_path / "results" / "study" / "report.md").read_text()
    assert "ad_oasis: 1 scans cannot be used and are left out" in page


def test_an_archive_is_not_unpacked(tmp_path):
    (tmp_path / "scans.zip").write_bytes(b"PK")
    done = bench("prepare", "ad_oasis", "--from", tmp_path / "scans.zip")
    assert done.returncode == 2
    assert "is an archive; unpack it and give the folder" in done.stderr


def _cut(path):
    path.write_bytes(path.read_bytes()[:-2])


def _flipped(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [_cut, _flipped])
@pytest.mark.parametrize("file", ["images.npy", "index.json", "manifest.json"])
def test_damaged_prepared_data_are_named_set_aside_and_prepared_again(tmp_path, file, damage):
    tree = bids_trees.oasis(tmp_path / "tree", 2)
    made = prepare("ad_oasis", source=tree)
    damage(made.folder / file)
    with pytest.raises(DamagedDataError, match=file):
        open_prepared("ad_oasis").verify()
    again = prepare("ad_oasis", source=tree)
    assert again.fingerprint == made.fingerprint
    assert any("was damaged" in note and ".damaged-1" in note for note in again.manifest["notes"])
    assert made.folder.with_name(f"{made.folder.name}.damaged-1").is_dir()


def test_a_damage_that_leaves_size_and_time_is_found_when_the_set_is_read_through(tmp_path):
    tree = bids_trees.oasis(tmp_path / "tree", 2)
    path = prepare("ad_oasis", source=tree).folder / "images.npy"
    before = path.stat()
    _flipped(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert prepare("ad_oasis", source=tree).manifest["notes"][0] == "2 samples found, 198 expected"
    assert "was damaged" in prepare("ad_oasis", source=tree, thorough=True).manifest["notes"][-1]


def test_a_study_repairs_its_prepared_data_from_their_source(study_of_scans, tmp_path):
    tree = bids_trees.oasis(tmp_path / "tree", 24)
    made = prepare("ad_oasis", source=tree)
    _flipped(made.folder / "images.npy")
    assert "are damaged" in study_of_scans()
    assert open_prepared("ad_oasis").fingerprint == made.fingerprint


def test_a_damaged_view_is_computed_again(tmp_path):
    made = prepare("phantom_ad", {"subjects": 4, "mm": 12.0})
    before = np.array(loader.view_array(made, Slice()))
    (path,) = (tmp_path / "data" / "views").glob("*.npy")
    _flipped(path)
    np.testing.assert_array_equal(loader.view_array(made, Slice()), before)


def test_a_disk_error_is_reported_with_its_path(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunAbortedError, match=r"cannot write to .*file: .*run the same command again"):
        write_text(tmp_path / "file" / "a.txt", "text")
    with pytest.raises(RunAbortedError, match="the disk is full"), disk_errors(tmp_path):
        raise RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")
    with pytest.raises(RuntimeError), disk_errors(tmp_path):
        raise RuntimeError("something else")
