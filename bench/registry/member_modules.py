"""Import the modules of the installed packages and of the plug-in folders, and collect the members that they define."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.core import BenchError, paths

KINDS = {"datasets": "DATASET", "methods": "METHOD", "curricula": "CURRICULUM", "studies": "STUDY"}
SINGULAR = {"datasets": "data set", "methods": "method", "curricula": "curriculum", "studies": "study"}


def members_by_kind() -> dict[str, dict[str, Any]]:
    """Find all members.

    Returns
    -------
    dict
        Kind, then name, then the class or the `Study`.

    Raises
    ------
    BenchError
        If a file of a plug-in folder cannot be loaded, or two files define the same name.
    """
    return _scan(plugin_folders())[0]


def sources_by_kind() -> dict[str, dict[str, ModuleType]]:
    """Modules of all members.

    Returns
    -------
    dict
        Kind, then name, then the module that defines the member.

    Raises
    ------
    BenchError
        As for `members_by_kind`.
    """
    return _scan(plugin_folders())[1]


def plugin_folders() -> tuple[str, ...]:
    """Absolute paths of the plug-in folders.

    Returns
    -------
    tuple of str
        In the order of `bench.core.paths.plugin_folders`.

    Raises
    ------
    BenchError
        If ``$BENCH_PLUGINS`` names a path that is not a folder.
    """
    return tuple(str(folder.resolve()) for folder in paths.plugin_folders())


@lru_cache(maxsize=4)
def _scan(folders: tuple[str, ...]) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, ModuleType]]]:
    members: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
    sources: dict[str, dict[str, ModuleType]] = {kind: {} for kind in KINDS}
    for name, module in import_modules(folders):
        for kind, attribute in KINDS.items():
            if not hasattr(module, attribute):
                continue
            if name in members[kind]:
                first, second = sources[kind][name].__file__, module.__file__
                raise BenchError(f"two files define the {SINGULAR[kind]} {name!r}: {first} and {second}; rename one")
            members[kind][name], sources[kind][name] = getattr(module, attribute), module
    return members, sources


def import_modules(folders: tuple[str, ...]) -> Iterable[tuple[str, ModuleType]]:
    """Import the modules that may define members.

    Parameters
    ----------
    folders : tuple of str
        Plug-in folders.

    Yields
    ------
    str
        Name: the last part of the import name, or the name of the file without ending.
    ModuleType
        The module. Those of the installed packages come first.

    Raises
    ------
    BenchError
        If a file of a plug-in folder cannot be loaded.
    """
    for value in sorted({point.value for point in entry_points(group="dclse_bench")}):
        yield from _packaged(value)
    for folder in folders:
        for path in sorted(Path(folder).glob("[!_]*.py")):
            yield path.stem, load_file(path)


def _packaged(value: str) -> Iterable[tuple[str, ModuleType]]:
    module = importlib.import_module(value)
    yield value.rpartition(".")[2], module
    if any(hasattr(module, attribute) for attribute in KINDS.values()):
        return  # the package is a member itself; its modules are private
    for info in pkgutil.iter_modules(getattr(module, "__path__", [])):
        if not info.name.startswith("_") and not info.ispkg:
            yield info.name, importlib.import_module(f"{value}.{info.name}")


def load_file(path: Path) -> ModuleType:
    """Import a file of a plug-in folder, once.

    Parameters
    ----------
    path : Path
        A Python file.

    Returns
    -------
    ModuleType
        The module, with the import name ``bench_plugins.`` and the name of the file.

    Raises
    ------
    BenchError
        If the file raises an error.
    """
    name = f"bench_plugins.{path.stem}"
    if name in sys.modules and sys.modules[name].__file__ == str(path):
        return sys.modules[name]
    plugin = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(plugin)
    sys.modules[name] = module
    try:
        plugin.loader.exec_module(module)
    except Exception as error:  # a file that a user is still writing can raise any error
        del sys.modules[name]
        raise BenchError(f"{path} cannot be loaded: {type(error).__name__}: {error}") from error
    return module


def clear_cache() -> None:
    """Search the files again at the next call.

    Call it after a change of the plug-in folders; tests do, too.
    """
    _scan.cache_clear()
