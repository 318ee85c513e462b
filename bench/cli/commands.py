"""The commands: every file of this package that defines COMMAND, and the files of plug-in folders that do.

A file `bench/cli/NAME.py`, or `NAME.py` in a plug-in folder, with `COMMAND = function` adds the command `bench NAME`:
typer reads its arguments and options from the signature, and its help from the docstring. `PANEL` is the heading that
`bench --help` lists it under. A file of this package is imported when its command is used, so that each starts quickly.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator, MutableMapping
from functools import cached_property
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from bench import registry
from bench.cli.study_command import StudyCommand
from bench.core import BenchError

PANELS = ("Studies", "Results", "Data sets", "Catalogue", "Help")
PLUGINS = "Plug-ins"
DEFINED = re.compile(r"^COMMAND = .*?^PANEL = \"(.*?)\"$", re.MULTILINE | re.DOTALL)


class BuiltInCommands(MutableMapping):
    """Name -> command of this package, by panel and then by name; a file is imported when its command is asked for."""

    def __init__(self) -> None:
        found = [(path.stem, DEFINED.search(path.read_text("utf-8"))) for path in Path(__file__).parent.glob("*.py")]
        order = sorted((PANELS.index(match[1]), name) for name, match in found if match)
        self.made: dict[str, Any] = dict.fromkeys(name for _, name in order)

    def __getitem__(self, name: str) -> Any:
        if self.made[name] is None:
            module = importlib.import_module(f"{__name__.rpartition('.')[0]}.{name}")
            self.made[name] = _command(name, module.COMMAND, module.PANEL)
        return self.made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self.made[name] = command

    def __delitem__(self, name: str) -> None:
        del self.made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.made)

    def __len__(self) -> int:
        return len(self.made)


class CommandGroup(TyperGroup):
    """The built-in commands; plug-in folders are read only for the help and for a name that is not built in."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = BuiltInCommands()

    def list_commands(self, ctx: Any) -> list[str]:
        return [*self.commands, *self.plugins]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return self.commands.get(cmd_name) or self.plugins.get(cmd_name)

    @cached_property
    def plugins(self) -> dict[str, Any]:
        """Name -> command of every plug-in."""
        return _plugins(self.commands)


def _plugins(built_in: Any) -> dict[str, Any]:
    """The plug-ins by name. One that has the name of a built-in command is left out with a warning."""
    commands: dict[str, Any] = {}
    for function, path in registry.plugin_extensions("COMMAND"):
        if not callable(function):
            raise BenchError(f"{path}: COMMAND is {function!r}; assign a function")
        if path.stem in built_in:
            print(f"bench: {path} is ignored: {path.stem!r} is a built-in command; rename the file", file=sys.stderr)
        else:
            commands[path.stem] = _command(path.stem, function, PLUGINS)
    return commands


def _command(name: str, function: Callable[..., Any], panel: str) -> Any:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(name, cls=StudyCommand, rich_help_panel=panel)(function)
    return typer.main.get_command(app)
