"""Every command in README and guide: its options and names exist, and a test runs it."""

from __future__ import annotations

import ast
import re
import shlex
import sys
from functools import cache

import pytest
import typer
from command_line import run_command
from documented_blocks import ROOT, Block, blocks, mentioned, plug_ins
from typer.exceptions import TyperException

from bench import registry
from bench.cli import app, join_numbers
from bench.cli.augmentation_text import augmentation_names
from bench.core import Data

CONSOLE = blocks("console")
LINES = [pytest.param(words, id=f"{block.id} {' '.join(words)}") for block in CONSOLE for words in block.commands]
OTHERS = [pytest.param(line, id=line) for block in CONSOLE for line in block.lines if not line.startswith("bench ")]
NOTES = {"console": r"run|plan|tested by: \w+", "python": r"run|plug-in|tested by: \w+"}


def noted(note: str) -> list:
    """The console blocks that are tested in one way."""
    return [pytest.param(block, id=block.id) for block in CONSOLE if block.note == note]


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A folder with the plug-ins of the guide, read once."""
    folder = tmp_path_factory.mktemp("plugins")
    for name, text in plug_ins().items():
        (folder / name).write_text(text)
    yield folder
    for name in plug_ins():
        sys.modules.pop(f"bench_plugins.{name.removesuffix('.py')}", None)


@pytest.fixture
def newcomer(copied, tmp_path, monkeypatch):
    """A user who configured nothing but the folder of the guide's plug-ins."""
    monkeypatch.delenv("BENCH_DATA")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.setenv("BENCH_PLUGINS", str(copied))


@pytest.mark.parametrize("block", blocks(), ids=lambda block: block.id)
def test_every_block_states_how_it_is_tested(block):
    assert block.language in NOTES, f"{block.id}: a block is one of {', '.join(NOTES)}"
    assert re.fullmatch(NOTES[block.language], block.note), f"{block.id}: <!-- {block.note} --> before the fence"
    assert (block.note == "plug-in") == bool(block.file)


def parsed(words: list[str]) -> tuple[str, dict]:
    """The command and its parameters as the command line reads them; a click error where it would not."""
    group = typer.main.get_command(app)
    name, *rest = join_numbers(words)
    command = group.commands[name]
    return name, command.make_context(name, rest).params


@pytest.mark.parametrize("words", LINES)
def test_every_option_and_every_name_in_a_command_exists(words, newcomer):
    name, params = parsed(words)
    if params.get("study") and name != "compare":
        arms = [label for label, _ in registry.study(params["study"]).rows()]
        requested = params.get("arm") or []
        assert {requested} if isinstance(requested, str) else set(requested) <= set(arms)
    for text in params.get("datasets") or []:
        for data in map(Data.parse, text.split(",")):
            assert {data.name, *([data.external.name] if data.external else [])} <= set(registry.names("datasets"))
    if name in ("prepare", "gallery"):
        assert params["name"] in registry.names("datasets")
    if name == "describe":
        names = {each for kind in registry.KINDS for each in registry.names(kind)}
        assert params["name"] in names.union(augmentation_names())
    assert set(params.get("names") or []) <= set(registry.names("datasets"))
    assert set(params.get("methods") or []) <= set(registry.names("methods"))


def test_a_wrong_command_would_be_detected():
    for words in (["run", "--study", "quickstart", "--fold", "5"], ["status", "--steps", "3"], ["run"]):
        with pytest.raises(TyperException):
            parsed(words)


@pytest.mark.parametrize(("page", "command"), mentioned())
def test_every_command_that_is_mentioned_exists_with_its_options(page, command):
    commands = typer.main.get_command(app).commands
    _, name, *rest = shlex.split(command.replace("[", "").replace("]", "").replace("...", ""))
    own = {file.removesuffix(".py") for file, text in plug_ins().items() if "\nCOMMAND = " in text}
    general = {option for param in typer.main.get_command(app).params for option in param.opts}
    assert name in {*commands, *own, *general, "--help"} or name.isupper(), f"{page}: {command}"
    known = {"--help", "--traceback"}
    known |= {option for param in commands[name].params for option in param.opts} if name in commands else set()
    assert {word for word in rest if word.startswith("-")} <= known, f"{page}: {command}"


@pytest.mark.parametrize("block", noted("run"))
def test_commands_that_take_seconds_run_as_they_stand(block, newcomer, capsys, monkeypatch):
    assert len(block.commands) == len(block.lines)
    for words in block.commands:
        status, text = run_command(capsys, monkeypatch, *words)
        assert status == 0, f"bench {' '.join(words)}\n{text}"
        assert text.strip()


@pytest.mark.parametrize("block", noted("plan"))
def test_studies_that_take_long_are_planned(block, newcomer, capsys, monkeypatch):
    assert len(block.commands) == len(block.lines)
    for words in block.commands:
        name, params = parsed(words)
        assert name == "run"
        requested = [word for text in params["datasets"] or [] for word in ("--datasets", text)]
        requested += [f"--{name}" for name in ("phantoms",) if params[name]]
        status, text = run_command(capsys, monkeypatch, "plan", "--study", params["study"], *requested)
        assert status == 0, f"bench {' '.join(words)}\n{text}"
        assert re.search(r"[1-9]\d* trials, 0 of them done", text)


@cache
def every_test() -> dict[str, str]:
    """Name of every test function -> text of its file."""
    found = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text()
        names = [node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
        found |= dict.fromkeys((name for name in names if name.startswith("test_")), text)
    return found


@pytest.mark.parametrize("block", [each for each in blocks() if "tested by" in each.note], ids=lambda block: block.id)
def test_blocks_that_another_test_runs_name_a_test_that_is_there(block: Block):
    name = block.note.removeprefix("tested by: ")
    assert name in every_test(), f"{block.id}: no test {name}"
    for verb, *_ in block.commands:
        assert re.search(rf"\b{verb}\b", every_test()[name]), f"{block.id}: the file of {name} does not know {verb!r}"


@pytest.mark.parametrize("line", OTHERS)
def test_every_target_of_make_that_is_documented_exists(line):
    """Commands other than `bench`: targets of make, tests that are run by path."""
    program, *rest = [word for word in shlex.split(line) if not re.match(r"[A-Z_]+=", word)]
    if program == "make":
        assert re.search(rf"^{rest[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    else:
        assert (program, *rest[:2]) == ("python", "-m", "pytest"), f"no test for {line!r}"
        assert (ROOT / rest[2]).is_file()
