"""Prepared files that the code of a method opens are noted; those of the harness and its own are not."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from bench.core import paths
from bench.training import opened_data as module
from bench.training.opened_data import opened_data, opened_note


@pytest.fixture
def prepared(tmp_path) -> Path:
    """A prepared file."""
    path = paths.data_root() / "prepared" / "set" / "targets.npy"
    path.parent.mkdir(parents=True)
    np.save(path, np.arange(3))
    return path


def code_of_a_method(path: Path, folder: Path):
    """A function of a file outside the package, as a plug-in is, that reads a path."""
    program = folder / "method.py"
    program.write_text("def read(path):\n    import numpy as np\n    return np.load(path)\n")
    space: dict = {}
    exec(compile(program.read_text(), str(program), "exec"), space)
    return lambda: space["read"](path)


def test_a_prepared_file_that_a_method_opens_is_noted_once(prepared, tmp_path):
    read = code_of_a_method(prepared, tmp_path)
    with opened_data(tmp_path / "trials") as names:
        read()
        read()
    assert opened_note(names) == {"opened_data": ["targets.npy"]}
    read()
    assert len(names) == 2, "nothing is noted after the trial"


def test_records_of_other_trials_are_data_and_a_method_s_own_files_are_not(tmp_path):
    (tmp_path / "trials" / "k").mkdir(parents=True)
    for path in (tmp_path / "trials" / "k" / "predictions.npy", tmp_path / "own.npy"):
        np.save(path, np.arange(3))
    with opened_data(tmp_path / "trials") as names:
        code_of_a_method(tmp_path / "own.npy", tmp_path)()
        assert names == []
        code_of_a_method(tmp_path / "trials" / "k" / "predictions.npy", tmp_path)()
    assert names == ["predictions.npy"]


def test_what_the_harness_opens_is_not_noted(prepared, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "OWN", str(Path(__file__).parents[1]))  # as if these tests were the package
    monkeypatch.setattr(module, "LIBRARIES", (*module.LIBRARIES, str(Path(pytest.__file__).parents[1])))
    with opened_data(tmp_path / "trials") as names:
        np.load(prepared)
        assert names == []
        code_of_a_method(prepared, tmp_path)()
    assert names == ["targets.npy"]


def test_writing_and_other_threads_are_not_noted(prepared, tmp_path):
    thread = threading.Thread(target=code_of_a_method(prepared, tmp_path))
    with opened_data(tmp_path / "trials") as names:
        prepared.with_name("new.npy").write_bytes(b"")
        thread.start()
        thread.join()
    assert names == []
    assert opened_note(names) == {}


def test_trials_inside_trials_have_a_list_each(prepared, tmp_path):
    read = code_of_a_method(prepared, tmp_path)
    with opened_data(tmp_path / "trials") as outer:
        with opened_data(tmp_path / "trials") as inner:
            read()
        assert (outer, inner) == ([], ["targets.npy"])
        read()
    assert outer == ["targets.npy"]
