"""Members by name: find them, create them with parameters, and describe them for a trial."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.core import BenchError, DataSpec, Spec, Study, plain
from bench.core.parameters import construct, did_you_mean
from bench.core.study_schema import check_form
from bench.registry.member_modules import (
    KINDS,
    LARGEST,
    SINGULAR,
    load_plugin,
    members_by_kind,
    plugin_files,
    plugin_folders,
    sources_by_kind,
)
from bench.registry.plugin_faults import fault_hint
from bench.storage.source_code import code_checksum

EXTENSIONS = ("TABLE", "FIGURE", "METRIC", "COMMAND", "LAUNCHER")  # of plug-in files, besides members


def names(kind: str) -> list[str]:
    """Names of all members of a kind.

    Parameters
    ----------
    kind : {"datasets", "methods", "curricula", "studies"}
        Kind of member.

    Returns
    -------
    list of str
        Names in alphabetical order, plug-ins included. Files of plug-in folders that cannot be loaded are left out with
        a warning.
    """
    return sorted(members_by_kind()[kind])


def member(kind: str, name: str) -> Any:
    """Find a member by its name.

    Parameters
    ----------
    kind : {"datasets", "methods", "curricula", "studies"}
        Kind of member.
    name : str
        Name of the member.

    Returns
    -------
    type or Study
        The class of a data set, method or curriculum; the `Study` itself.

    Raises
    ------
    BenchError
        If there is no such member; the message has the nearest name, and files that were left out and may define it.
    """
    members = members_by_kind()[kind]
    if name not in members:
        near = did_you_mean(name, members)
        raise BenchError(f"no {SINGULAR[kind]} {name!r}; {near}{fault_hint(name)}{_plugin_hint(name)}")
    return members[name]


def _plugin_hint(name: str) -> str:
    """What an author of a plug-in may have overlooked: the folder, or the name of the variable."""
    folders = plugin_folders()
    if not folders:
        return f" (no plug-ins were read: {Path.cwd()} has no folder `plugins`, and BENCH_PLUGINS is not set)"
    unused = [path for path in unused_plugin_files() if path.stem == name]
    attributes = ", ".join([*KINDS.values(), *EXTENSIONS])
    return f" ({unused[0]} defines none of {attributes})" if unused else ""


def make(kind: str, name: str, params: Mapping[str, Any] | None = None) -> Any:
    """Create a data set, method or curriculum.

    Parameters
    ----------
    kind : {"datasets", "methods", "curricula"}
        Kind of member.
    name : str
        Name of the member.
    params : mapping of str to object, optional
        Parameters that differ from the defaults, as for `bench.core.parameters.construct`.

    Returns
    -------
    object
        An instance of the member's class.

    Raises
    ------
    BenchError
        If the name, a parameter or a value is wrong; the message says what is allowed.

    Examples
    --------
    >>> from bench.registry import make
    >>> make("methods", "unet3d", {"lr": "3e-4"}).lr
    0.0003
    """
    return construct(member(kind, name), params or {}, f"{SINGULAR[kind]} {name}")


def spec(kind: str, name: str, params: Mapping[str, Any] | None = None) -> Spec:
    """Describe a member for a trial: its name, its version and the value of every parameter.

    Parameters
    ----------
    kind, name, params
        As for `make`.

    Returns
    -------
    Spec
        A `DataSpec` without fingerprint for a data set.

    Raises
    ------
    BenchError
        As for `make`.
    """
    instance = make(kind, name, params)
    shape = DataSpec if kind == "datasets" else Spec
    return shape(name, getattr(instance, "version", 1), plain(instance) if dataclasses.is_dataclass(instance) else {})


def study(name: str) -> Study:
    """Find a study by its name, and check the types of its fields.

    Parameters
    ----------
    name : str
        Name of the study.

    Returns
    -------
    Study
        The study.

    Raises
    ------
    BenchError
        If there is no such study, or its file does not define a valid one.
    """
    question = member("studies", name)
    check_form(question, name)
    return question


def plugin_extensions(attribute: str) -> list[tuple[Any, Path]]:
    """Values of an attribute in the files of the plug-in folders.

    This finds the parts of the harness that are not members: TABLE, FIGURE, METRIC, COMMAND and LAUNCHER.

    Parameters
    ----------
    attribute : str
        Name of a module-level variable. A file that does not assign it is not imported.

    Returns
    -------
    list of (object, Path)
        Value and file of each module. Files that cannot be loaded are left out with a warning.
    """
    assigned = re.compile(rf"^{attribute}\b[^=\n]*=", re.MULTILINE)
    modules = {path: load_plugin(path) for path in plugin_files(plugin_folders()) if _matches(path, assigned)}
    return [(getattr(module, attribute), path) for path, module in modules.items() if hasattr(module, attribute)]


def unused_plugin_files() -> list[Path]:
    """Find files of the plug-in folders that nothing uses.

    Returns
    -------
    list of Path
        Files that define no member, none of `EXTENSIONS` and no view. Files that cannot be loaded are left out with a
        warning.
    """
    modules = {path: load_plugin(path) for path in plugin_files(plugin_folders())}
    return [path for path, module in modules.items() if module is not None and not _is_used(module)]


def _is_used(module: ModuleType) -> bool:
    own = [value for value in vars(module).values() if getattr(value, "__module__", "") == module.__name__]
    views = [kind for kind in own if isinstance(kind, type) and hasattr(kind, "kind_name")]
    return bool(views) or any(hasattr(module, attribute) for attribute in (*KINDS.values(), *EXTENSIONS))


def _matches(path: Path, pattern: re.Pattern[str]) -> bool:
    """Whether a text occurs in a file. True if it cannot be read or is too large: loading it reports that."""
    try:
        unfit = not path.is_file() or path.stat().st_size > LARGEST
        return unfit or bool(pattern.search(path.read_text(encoding="utf-8", errors="replace")))
    except OSError:
        return True


def member_folders(kind: str) -> list[Path]:
    """Folders of the files that define the members of a kind.

    Parameters
    ----------
    kind : {"datasets", "methods", "curricula", "studies"}
        Kind of member.

    Returns
    -------
    list of Path
        Absolute paths in alphabetical order.
    """
    return sorted({Path(module.__file__).parent.resolve() for module in sources_by_kind()[kind].values()})


def code(owner: type) -> str:
    """Checksum of the code of a member.

    Parameters
    ----------
    owner : type
        Class of the member.

    Returns
    -------
    str
        Over the member's file and all files that it imports. Other members in the same folder do not count.
    """
    return code_checksum([owner.__module__])
