"""Import the modules of the installed packages and of the plug-in folders, and collect the members that they define."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.core import BenchError, paths
from bench.registry.plugin_checks import PACKAGE, check_member, error_text, line_of
from bench.registry.plugin_faults import clear_faults, report_fault
from bench.storage.source_code import PACKAGES

KINDS = {"datasets": "DATASET", "methods": "METHOD", "curricula": "CURRICULUM", "studies": "STUDY"}
LARGEST = 5_000_000  # bytes of a plug-in file
_checksums: dict[Path, str] = {}  # loaded plug-in file -> checksum of its bytes
SINGULAR = {"datasets": "data set", "methods": "method", "curricula": "curriculum", "studies": "study"}


def members_by_kind() -> dict[str, dict[str, Any]]:
    """Find all members.

    Returns
    -------
    dict
        Kind, then name, then the class or the `Study`.

    A file of a plug-in folder that cannot be loaded is left out with a warning, and so is a name that two files define.
    """
    return _scan(plugin_folders())[0]


def sources_by_kind() -> dict[str, dict[str, ModuleType]]:
    """Modules of all members.

    Returns
    -------
    dict
        Kind, then name, then the module that defines the member.
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
    return tuple(dict.fromkeys(str(folder.resolve()) for folder in paths.plugin_folders()))


@lru_cache(maxsize=4)
def _scan(folders: tuple[str, ...]) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, ModuleType]]]:
    members: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
    sources: dict[str, dict[str, ModuleType]] = {kind: {} for kind in KINDS}
    for name, module in import_modules(folders):
        for kind, attribute in KINDS.items():
            if hasattr(module, attribute) and _is_usable(kind, name, module, sources):
                members[kind][name], sources[kind][name] = getattr(module, attribute), module
    for kind, found in sources.items():  # a name that two files define is nobody's
        members[kind] = {name: value for name, value in members[kind].items() if found[name] is not None}
        sources[kind] = {name: module for name, module in found.items() if module is not None}
    return members, sources


def _is_usable(kind: str, name: str, module: ModuleType, sources: dict[str, dict[str, ModuleType | None]]) -> bool:
    """Whether a module defines a member of its kind that no other file defines; reports one that is not usable."""
    path = Path(module.__file__)
    if name not in sources[kind]:
        try:
            check_member(KINDS[kind], getattr(module, KINDS[kind]), path)
        except BenchError as error:
            report_fault(path, str(error))
            return False
        return True
    first = sources[kind][name]
    if first is not None:
        sources[kind][name] = None
        message = f"two files define the {SINGULAR[kind]} {name!r}: {first.__file__} and {path}; rename one"
        report_fault(path, message)
    return False


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
        The module. Those of the installed packages come first. What cannot be loaded is left out with a warning.
    """
    for value in sorted({point.value for point in entry_points(group="dclse_bench")}):
        yield from _packaged(value) if value.partition(".")[0] in PACKAGES else _foreign(value)
    for path in plugin_files(folders):
        module = load_plugin(path)
        if module is not None:
            yield path.stem, module


def plugin_files(folders: tuple[str, ...]) -> list[Path]:
    """Files of the plug-in folders, without private ones.

    Parameters
    ----------
    folders : tuple of str
        Plug-in folders.

    Returns
    -------
    list of Path
        Folder by folder, each in alphabetical order.
    """
    return [path for folder in folders for path in sorted(Path(folder).glob("[!_]*.py"))]


def _foreign(value: str) -> list[tuple[str, ModuleType]]:
    """The modules of an installed package of somebody else; none, with a warning, if it cannot be loaded."""
    try:
        return list(_packaged(value))
    except Exception as error:  # another package can raise any error
        report_fault(value, f"the installed package {value} cannot be loaded: {type(error).__name__}: {error}")
        return []


def _packaged(value: str) -> Iterable[tuple[str, ModuleType]]:
    module = importlib.import_module(value)
    yield value.rpartition(".")[2], module
    if any(hasattr(module, attribute) for attribute in KINDS.values()):
        return  # the package is a member itself; its modules are private
    for info in pkgutil.iter_modules(getattr(module, "__path__", [])):
        if not info.name.startswith("_") and not info.ispkg:
            yield info.name, importlib.import_module(f"{value}.{info.name}")


def load_plugin(path: Path) -> ModuleType | None:
    """Import a file of a plug-in folder; reports a file that cannot be loaded.

    Parameters
    ----------
    path : Path
        A Python file.

    Returns
    -------
    ModuleType or None
        As for `load_file`; None if the file cannot be loaded.
    """
    try:
        return load_file(path)
    except BenchError as error:
        report_fault(path, str(error))
        return None


def load_file(path: Path) -> ModuleType:
    """Import a file of a plug-in folder, once.

    Parameters
    ----------
    path : Path
        A Python file. What it prints goes to stderr: stdout is for the output of commands.

    Returns
    -------
    ModuleType
        The module, with the import name ``bench_plugins.`` and the name of the file.

    Raises
    ------
    BenchError
        If it is no file, is larger than `LARGEST`, raises an error or ends the program.
    """
    name = _import_name(path)
    if name in sys.modules and sys.modules[name].__file__ == str(path):
        return sys.modules[name]
    try:
        _check_file(path)
        _checksums[path.resolve()] = sha256(path.read_bytes()).hexdigest()[:12]
        plugin = importlib.util.spec_from_file_location(name, path)
        sys.modules[name] = importlib.util.module_from_spec(plugin)
        with contextlib.redirect_stdout(sys.stderr):
            plugin.loader.exec_module(sys.modules[name])
    except (Exception, SystemExit) as error:  # a file that a user is still writing can raise any error
        sys.modules.pop(name, None)
        if isinstance(error, SystemExit) and type(error) is not SystemExit:  # a signal has ended this program
            raise
        line = line_of(error, path)
        where = f" (line {line})" if line else ""
        raise BenchError(f"{path} cannot be loaded: {error_text(error)}{where}") from error
    return sys.modules[name]


def loaded_plugin_files() -> list[Path]:
    """Files of the plug-in folders that this program has loaded.

    Returns
    -------
    list of Path
        In the order in which they were loaded.
    """
    return [path for path in _checksums if str(path.parent) in plugin_folders()]


def file_checksum(path: Path) -> str:
    """Checksum of a plug-in file as it was when this program loaded it; a later edit does not change it.

    Parameters
    ----------
    path : Path
        A file of a plug-in folder.

    Returns
    -------
    str
        12 digits of the SHA-256 of its bytes; empty if it was not loaded.
    """
    return _checksums.get(Path(path).resolve(), "")


def _import_name(path: Path) -> str:
    """A name of its own for each file: files of one name in several folders are numbered from the second on."""
    same = [folder for folder in plugin_folders() if (Path(folder) / path.name).is_file()]
    number = same.index(str(path.parent)) + 1 if str(path.parent) in same else 1
    return f"{PACKAGE}.{path.stem}" + (f"~{number}" if number > 1 else "")


def _check_file(path: Path) -> None:
    if path.is_symlink() and not path.exists():
        raise FileNotFoundError(f"it is a link to {path.readlink()}, which is missing")
    if not path.is_file():
        raise OSError("it is not a file")
    if path.stat().st_size > LARGEST:
        raise ValueError(f"it has {path.stat().st_size / 1e6:.0f} MB; a file of code has at most {LARGEST / 1e6:g} MB")


def clear_cache() -> None:
    """Search the files again at the next call.

    Call it after a change of the plug-in folders; tests do, too.
    """
    _scan.cache_clear()
    clear_faults()
