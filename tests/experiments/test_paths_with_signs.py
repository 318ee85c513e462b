"""Paths and names with signs that mean something elsewhere: in a URL, a shell, HTML, Markdown, a list of folders."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import run_command

from bench.core import paths
from bench.experiments.launch import node_agent
from bench.experiments.search.optuna_storage import OptunaStorage
from bench.report import text_formats
from bench.report.figure_files import ReportFigure
from bench.report.page_figures import inline_svg

PLUGINS = Path(__file__).parents[1] / "plugins"
NAMES = [
    "a?seed=1", "a#b", "a%20b", "{x}", "it's \"so\"", "\N{LATIN SMALL LETTER E WITH ACUTE} 1", "*[a-z]&", "-n",
    "new\nline", "a" * 200, "$HOME;:",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_search_is_stored_in_the_file_that_is_named(tmp_path, name):
    (tmp_path / name).mkdir()
    with OptunaStorage(str(tmp_path / name / "search.db")).opened():
        pass
    files = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert {path for path in files if not path.name.endswith(".claim")} == {tmp_path / name / "search.db"}


def test_a_url_of_sqlite_names_its_file_and_keeps_its_options(tmp_path):
    storage = OptunaStorage(f"sqlite+pysqlite:///{tmp_path}/search.db?timeout=9")
    assert storage.path == tmp_path / "search.db"
    with storage.opened():
        assert storage.exists


def test_a_plug_in_folder_with_the_separator_in_its_name_reaches_a_worker(tmp_path, monkeypatch):
    folders = [tmp_path / "a:b", tmp_path / "c"]
    for folder in folders:
        folder.mkdir()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    node_agent.prepare_worker({"data_root": str(tmp_path), "forced": True}, [str(folder) for folder in folders])
    assert paths.plugin_folders() == folders


def test_a_home_that_does_not_exist_is_one_line(monkeypatch):
    monkeypatch.setenv("BENCH_DATA", "~nobody-of-this-name/data")
    with pytest.raises(paths.BenchError, match="no such home folder; give the path without ~"):
        paths.data_root()


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch):
    for name in ("BENCH_DATA", "XDG_DATA_HOME", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as for a user without an entry in passwd
    with pytest.raises(paths.BenchError, match="set HOME or BENCH_DATA to a folder that you can write in"):
        paths.data_root()
    monkeypatch.setenv("BENCH_DATA", "/data")
    assert paths.views_roots() == [Path("/data/views")]


@pytest.fixture
def odd(tmp_path, monkeypatch):
    """A plug-in folder with a study whose name is several words of a shell."""
    shutil.copytree(PLUGINS, tmp_path / "own")
    shutil.copy(PLUGINS / "pair.py", tmp_path / "own" / "it's; $(touch owned) #1.py")
    monkeypatch.setenv("BENCH_PLUGINS", str(tmp_path / "own"))
    return "it's; $(touch owned) #1"


def test_a_line_to_copy_names_a_study_as_one_word(odd, capsys, monkeypatch):
    status, text = run_command(capsys, monkeypatch, "report", "--study", odd)
    assert status == 2
    assert shlex.split(text.rpartition("run: ")[2]) == ["bench", "run", "--study", odd]


def test_a_job_file_names_a_study_as_one_word(odd, tmp_path, capsys, monkeypatch):
    status, text = run_command(capsys, monkeypatch, "template", "slurm", "--study", odd)
    assert status == 0, text
    (line,) = (line for line in text.splitlines() if line.startswith("bench run"))
    assert shlex.split(line)[:4] == ["bench", "run", "--study", odd]
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_name_of_a_figure_stays_inside_its_attribute_and_its_link(tmp_path):
    text = inline_svg('<svg width="1pt"><path id="p"/><use href="#p"/></svg>', 'a" onload="x b')
    assert 'onload="' not in text
    assert 'id="a_22_20onload_3d_22x_20b-p"' in text
    assert 'href="#a_22_20onload_3d_22x_20b-p"' in text
    assert "](figures/a%20%28b%29.png)" in text_formats._picture(ReportFigure("t", "a (b)", "alt"))


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["serial", "ray"])
def test_a_study_runs_and_is_searched_and_exported_in_folders_with_signs(tmp_path, launcher):
    place = tmp_path / "a b?c#d%20e&{f}[g]*'h\"é"
    place.mkdir()
    shutil.copytree(PLUGINS, place / "my: plugins")
    env = {**os.environ, "BENCH_DATA": str(place / "data"), "BENCH_RESULTS": str(place / "results"),
           "BENCH_PLUGINS": str(place / "my: plugins").replace(":", "\\:"), "TMPDIR": str(place)}  # fmt: skip
    for words in (
        ["run", "--study", "pair", "--launcher", launcher],
        ["tune", "--study", "searched", "--arm", "net", "--fold", "0", "--trials", "2", "--launcher", launcher],
        ["status", "--study", "pair"],
        ["report", "--all"],
        ["export", "--study", "pair", "--to", "mlflow", "--out", str(place / "-out #1")],
        ["export", "--study", "pair", "--to", "tensorboard", "--out", str(place / "-out ?2")],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "bench", *words], cwd=place, env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, (words, done.stderr)
    assert (place / "results" / "searched" / "search.db").is_file()
