"""A broken file in a plug-in folder is named with its error, and stops only what needs it."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest
from command_line import printed

from bench import registry
from bench.core import BenchError
from bench.data.prepare import prepare
from bench.registry import member_modules
from bench.storage import provenance
from bench.views import VIEWS

METHOD = '''
"""A network."""
import {imported}
from dataclasses import dataclass
from bench.method import Method

@dataclass(frozen=True, kw_only=True)
class Mine(Method):
    """A network of {note}."""

    family = "2d"
    width: int = 4

    def build(self, task, shape):
        return {imported}

METHOD = Mine
'''

VIEW = """
from bench.views import Mean

class Mine(Mean):
    kind_name = "only_view"
"""


def text_file(text, encoding="utf-8"):
    return lambda path: path.write_bytes(text.encode(encoding))


BROKEN = {
    "syntax": (text_file("def (\n"), "SyntaxError: invalid syntax (mine.py, line 1)"),
    "raises": (text_file("\nSTUDY = 1 / 0\n"), "ZeroDivisionError: division by zero"),
    "several lines": (text_file("raise ValueError('one\\ntwo')\n"), "ValueError: one two"),
    "ends": (text_file("import sys\nsys.exit('enough')\n"), "SystemExit: enough"),
    "latin": (text_file("METHOD = 'Müller'\n", "latin-1"), "SyntaxError: (unicode error)"),
    "nul": (text_file("a = 1\0\n"), "source code string cannot contain null bytes"),
    "import": (
        text_file("import no_such_package\n"),
        "ModuleNotFoundError: No module named 'no_such_package'",
    ),
    "dead link": (lambda path: path.symlink_to("gone.py"), "FileNotFoundError: it is a link to gone.py"),
    "folder": (lambda path: path.mkdir(), "OSError: it is not a file"),
    "pipe": (os.mkfifo, "OSError: it is not a file"),
    "huge": (lambda path: path.write_text("# " + "x" * 6_000_000), "it has 6 MB; a file of code has at most 5 MB"),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty plug-in folder."""
    own = tmp_path / "plugins"
    own.mkdir()
    monkeypatch.setenv("BENCH_PLUGINS", str(own))
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path / "results"))
    registry.clear_cache()
    provenance._code.cache_clear()
    yield own
    registry.clear_cache()
    for name in [name for name in sys.modules if name.startswith("bench_plugins.")]:
        del sys.modules[name]


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_file_is_named_once_and_the_rest_is_listed(folder, capsys, monkeypatch, how):
    create, error = BROKEN[how]
    create(folder / "mine.py")
    (folder / "whole.py").write_text(METHOD.format(imported="os", note="mine"))
    status, out, err = printed(capsys, monkeypatch, "list", "--json")
    assert status == 0
    assert {"quickstart", "dclse", "whole"} <= {row["name"] for row in json.loads(out)}
    (line,) = err.splitlines()
    assert line.startswith(f"bench: warning: {folder / 'mine.py'}")
    assert line.endswith("; it is left out")
    assert error in line


@pytest.mark.parametrize("how", ["ends", "dead link", "pipe"])
def test_a_study_that_does_not_need_it_is_planned_with_its_code_recorded(folder, capsys, monkeypatch, how):
    BROKEN[how][0](folder / "mine.py")
    status, out, err = printed(capsys, monkeypatch, "plan", "--study", "quickstart", "--json")
    assert (status, err.count("\n")) == (0, 1)
    assert json.loads(out)["trials"] > 0
    assert len(provenance.code()["sources"]) == 20
    assert registry.plugin_extensions("TABLE") == []


def test_what_is_missing_names_the_broken_file_that_may_define_it(folder, capsys):
    (folder / "mine.py").write_text("def (\n")
    (folder / "study.py").write_text("STUDY = 1 / 0\n")
    with pytest.raises(
        BenchError, match=r"no study 'study'; .*; .*study\.py cannot be loaded: ZeroDivisionError: .* \(line 1\)$"
    ):
        registry.study("study")
    with pytest.raises(BenchError, match=r"no method 'other'; .* left out: .*mine\.py cannot be loaded: SyntaxError"):
        registry.make("methods", "other")
    from bench.evaluation import metrics
    from bench.experiments.launch import load_launcher

    (folder / "metric.py").write_text("METRIC = 1 / 0\n")
    with pytest.raises(BenchError, match=r"no metric 'metric'; .*metric\.py cannot be loaded"):
        metrics.metric("metric")
    (folder / "launch.py").write_text("LAUNCHER = 1 / 0\n")
    with pytest.raises(BenchError, match=r"no launcher 'launch'; .*launch\.py cannot be loaded"):
        load_launcher("launch")


def test_a_malformed_study_is_left_out_of_the_list(folder, capsys, monkeypatch):
    (folder / "mine.py").write_text("from bench.core import Data, Study\nSTUDY = Study(3, [Data('phantom_ad')])\n")
    status, out, err = printed(capsys, monkeypatch, "list", "studies")
    assert status == 0
    assert "quickstart" in out
    assert re.fullmatch(r"bench: warning: the study mine: question must be a string, not 3; it is left out\n", err)
    assert " mine " not in out


def test_a_file_that_defines_no_known_name_is_named_in_the_list(folder, capsys, monkeypatch):
    (folder / "mine.py").write_text("METHODS = 3\n")
    (folder / "_helper.py").write_text("WIDTH = 3\n")
    (folder / "whole.py").write_text(METHOD.format(imported="os", note="mine"))
    status, _, err = printed(capsys, monkeypatch, "list", "studies")
    assert (status, len(err.splitlines())) == (0, 1)
    assert f"{folder / 'mine.py'} defines none of DATASET, METHOD, CURRICULUM, STUDY, TABLE" in err


def test_a_file_that_defines_only_a_view_is_in_use(folder, capsys, monkeypatch):
    (folder / "mine.py").write_text(VIEW)
    assert printed(capsys, monkeypatch, "list", "studies")[2] == ""
    del VIEWS["only_view"]


def test_a_launcher_that_takes_other_arguments_names_its_file(folder):
    from bench.experiments.launch import load_launcher

    (folder / "mine.py").write_text(
        "from bench.experiments.launch import Launcher\nLAUNCHER = Launcher(lambda work: 0)\n"
    )
    with pytest.raises(BenchError, match=r"mine\.py, the function `run` of LAUNCHER: TypeError: .* takes 1 positional"):
        load_launcher("mine").run(None, None, None, None, "")


def test_a_phantom_without_scans_names_what_returned_none(folder, tmp_path, monkeypatch):
    text = (Path(__file__).parents[1] / "plugins" / "tiny_places.py").read_text()
    (folder / "mine.py").write_text(text.replace("range(40)", "range(0)"))
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    with pytest.raises(BenchError, match=r"^mine has no scans: `samples` of its class returned none$"):
        prepare("mine")


def test_what_a_file_prints_is_not_mixed_with_the_output(folder, capsys, monkeypatch):
    (folder / "mine.py").write_text("TABLE = print('hello from mine')\n")
    status, out, err = printed(capsys, monkeypatch, "list", "studies", "--json")
    assert (status, err) == (0, "hello from mine\n")
    assert json.loads(out)


@pytest.mark.parametrize("name", ["random", "torch", "bench", "typing"])
def test_a_file_may_have_the_name_of_another_module(folder, name):
    (folder / f"{name}.py").write_text(METHOD.format(imported=name, note="mine"))
    __import__(name)
    assert registry.make("methods", name).build(None, None) is sys.modules[name]
    assert not sys.modules[name].__file__.startswith(str(folder))


def test_a_folder_beside_the_files_does_no_harm(folder, capsys):
    (folder / "parts").mkdir()
    (folder / "parts" / "mine.py").write_text("def (\n")
    assert "quickstart" in registry.names("studies")
    assert capsys.readouterr().err == ""


def test_files_of_one_name_in_two_folders_are_two_modules(folder, tmp_path, monkeypatch):
    (tmp_path / "second").mkdir()
    monkeypatch.setenv("BENCH_PLUGINS", os.pathsep.join([str(folder), str(tmp_path / "second"), str(folder)]))
    (folder / "mine.py").write_text(METHOD.format(imported="os", note="one"))
    (tmp_path / "second" / "mine.py").write_text("GADGET = 1\n")
    one = registry.member("methods", "mine")
    assert registry.plugin_extensions("GADGET") == [(1, tmp_path / "second" / "mine.py")]
    assert registry.describe("methods", "mine")["about"] == "A network of one."
    before = registry.code(one)
    (tmp_path / "second" / "mine.py").write_text("GADGET = 2\n")
    assert registry.code(one) == before


def test_a_name_that_two_files_define_stops_what_needs_it_and_nothing_else(folder, capsys):
    (folder / "dclse.py").write_text(METHOD.format(imported="os", note="mine"))
    assert "sfcn" in registry.names("methods")
    with pytest.raises(BenchError, match=r"no method 'dclse'.*two files define the method 'dclse': .*; rename one"):
        registry.make("methods", "dclse")
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_signal_while_a_file_is_imported_is_no_fault_of_the_file(folder, monkeypatch):
    class StoppedError(SystemExit):
        pass

    (folder / "mine.py").write_text("import builtins\nbuiltins.stop_here()\n")
    monkeypatch.setattr("builtins.stop_here", lambda: (_ for _ in ()).throw(StoppedError(130)), raising=False)
    with pytest.raises(StoppedError):
        registry.names("studies")


def test_a_package_of_somebody_else_that_cannot_be_loaded_is_named(monkeypatch, capsys):
    class Point:
        value = "no_such_package"

    points = member_modules.entry_points
    monkeypatch.setattr(member_modules, "entry_points", lambda group: [*points(group=group), Point])
    registry.clear_cache()
    assert "quickstart" in registry.names("studies")
    assert "the installed package no_such_package cannot be loaded: ModuleNotFoundError" in capsys.readouterr().err
    registry.clear_cache()
