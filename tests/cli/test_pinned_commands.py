"""The commands and their options stay: names, short forms, values, defaults, what is required. Help texts may change.

After a change that is meant, run `python tests/cli/test_pinned_commands.py` to write the golden file again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from bench.cli import app

GOLDEN = Path(__file__).parents[1] / "golden" / "commands.json"
COMMANDS = typer.main.get_command(app).commands


def described(parameter: Any) -> dict[str, Any]:
    """A parameter of a command as a script depends on it."""
    return {
        "kind": parameter.param_type_name,
        "names": [*parameter.opts, *parameter.secondary_opts],
        "required": parameter.required,
        "repeated": parameter.multiple or parameter.nargs != 1,
        "flag": getattr(parameter, "is_flag", False),
        "default": None if parameter.default is None else str(parameter.default),
        "variable": parameter.envvar,
    }


def parameters(command: str) -> list[dict[str, Any]]:
    """Arguments in their order, then options by name."""
    found = [described(each) for each in COMMANDS[command].params]
    arguments = [each for each in found if each["kind"] == "argument"]
    return arguments + sorted((each for each in found if each not in arguments), key=lambda each: each["names"])


def test_the_commands_are_those_that_scripts_use():
    assert sorted(COMMANDS) == sorted(json.loads(GOLDEN.read_text()))


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_the_options_of_a_command_are_those_that_scripts_use(command):
    assert parameters(command) == json.loads(GOLDEN.read_text())[command]


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps({name: parameters(name) for name in sorted(COMMANDS)}, indent=1) + "\n")
