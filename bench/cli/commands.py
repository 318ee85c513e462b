"""The commands: every file of this package that defines COMMAND, and the files of plug-in folders that do.

A file `bench/cli/NAME.py`, or `NAME.py` in a plug-in folder, with `COMMAND = function` adds the command `bench NAME`:
typer reads its arguments and options from the signature, and its help from the docstring. `PANEL` is the heading that
`bench --help` lists it under.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable
from functools import cached_property
from typing import Any

import typer
from typer.core import TyperGroup

from bench import registry
from bench.cli.study_command import StudyCommand
from bench.core import BenchError

PANELS = ("Studies", "Results", "Data sets", "Catalogue", "Help")
PLUGINS = "Plug-ins"


class CommandGroup(TyperGroup):
    """The built-in commands; plug-in folders are read only for the help and for a name that is not built in."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*self.commands, *self.plugins]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return self.commands.get(cmd_name) or self.plugins.get(cmd_name)

    @cached_property
    def plugins(self) -> dict[str, Any]:
        """Name -> command of every plug-in."""
        return _plugins(self.commands)


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this package, by panel and then by name."""
    package = __name__.rpartition(".")[0]
    folder = importlib.import_module(package).__path__
    modules = [importlib.import_module(f"{package}.{info.name}") for info in pkgutil.iter_modules(folder)]
    commands = [(PANELS.index(module.PANEL), _name(module), module) for module in modules if hasattr(module, "COMMAND")]
    for _, name, module in sorted(commands, key=lambda each: each[:2]):
        app.command(name, cls=StudyCommand, rich_help_panel=module.PANEL)(module.COMMAND)


def _name(module: Any) -> str:
    return module.__name__.rpartition(".")[2]


def _plugins(built_in: Any) -> dict[str, Any]:
    """The plug-ins by name. One that has the name of a built-in command is left out with a warning."""
    commands: dict[str, Any] = {}
    for function, path in registry.plugin_extensions("COMMAND"):
        if not callable(function):
            raise BenchError(f"{path}: COMMAND is {function!r}; assign a function")
        if path.stem in built_in:
            print(f"bench: {path} is ignored: {path.stem!r} is a built-in command; rename the file", file=sys.stderr)
        else:
            commands[path.stem] = _command(path.stem, function)
    return commands


def _command(name: str, function: Callable[..., Any]) -> Any:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(name, rich_help_panel=PLUGINS)(function)
    return typer.main.get_command(app)
