"""Commands are found: a file is a command, in the package and in a plug-in folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from command_line import run_command
from documented_blocks import plug_ins

from bench import cli, registry
from bench.data.prepare import prepare

OWN = '''"""Counts the data sets."""

from typing import Annotated

import typer

from bench import registry


def command(twice: Annotated[bool, typer.Option("--twice", help="Count them twice.")] = False) -> None:
    """Count the data sets that are known here."""
    print(len(registry.names("datasets")) * (2 if twice else 1))


COMMAND = command
'''


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty plug-in folder."""
    own = tmp_path / "own"
    own.mkdir()
    monkeypatch.setenv("BENCH_PLUGINS", str(own))
    registry.clear_cache()
    yield own
    registry.clear_cache()


def test_every_file_with_a_command_is_a_command_of_its_name():
    files = {path.stem for path in Path(cli.__file__).parent.glob("*.py") if "\nCOMMAND = " in path.read_text()}
    commands = typer.main.get_command(cli.app).commands
    assert {command.name for command in commands.values()} == set(commands) == files
    assert {"run", "plan", "list", "describe", "report", "compare", "guide"} <= files


def test_a_file_in_a_plugin_folder_adds_a_command(folder, capsys, monkeypatch):
    (folder / "count.py").write_text(OWN)
    status, text = run_command(capsys, monkeypatch, "--help")
    assert status == 0
    assert "Count the data sets that are known here." in text
    known = len(registry.names("datasets"))
    assert run_command(capsys, monkeypatch, "count", "--twice") == (0, f"{2 * known}\n")


def test_the_command_of_the_guide_counts_people(folder, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    (folder / "people.py").write_text(plug_ins()["people.py"])
    assert "phantom_order is not prepared" in run_command(capsys, monkeypatch, "people", "phantom_order")[1]
    prepare("phantom_order")
    assert run_command(capsys, monkeypatch, "people", "phantom_order") == (0, "60\n")


def test_a_plugin_never_replaces_a_built_in_command(folder, capsys, monkeypatch):
    (folder / "list.py").write_text(OWN)
    status, text = run_command(capsys, monkeypatch, "list", "studies")
    assert status == 0
    assert "quickstart" in text
    status, text = run_command(capsys, monkeypatch, "--help")
    assert "'list' is a built-in command; rename the file" in " ".join(text.split())
    assert "Count the data sets" not in text


def test_a_plugin_that_cannot_be_loaded_stops_no_built_in_command(folder, capsys, monkeypatch):
    (folder / "broken.py").write_text("COMMAND = 1 / 0\n")
    assert run_command(capsys, monkeypatch, "guide")[0] == 0
    status, text = run_command(capsys, monkeypatch, "broken")
    assert status == 2
    assert "broken.py cannot be loaded: ZeroDivisionError" in text


def test_an_unknown_command_names_the_nearest(capsys, monkeypatch):
    status, text = run_command(capsys, monkeypatch, "staus")
    assert status == 2
    assert "Did you mean 'status'?" in text


def test_a_command_that_is_no_function_names_its_file(folder, capsys, monkeypatch):
    (folder / "count.py").write_text("COMMAND = 3\n")
    for words in (["count"], ["--help"]):
        status, text = run_command(capsys, monkeypatch, *words)
        assert status == 2
        assert "count.py: COMMAND is 3; assign a function" in " ".join(text.split())
