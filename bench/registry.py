"""Names and the files behind them: data sets, methods, curricula and studies.

A member is a module-level `DATASET`, `METHOD`, `CURRICULUM` or `STUDY`, and its name is the name of its file.
Packages are found through entry points of the group `dclse_bench`, whose values are packages to look into, or modules
and packages that are members themselves; a user's own files through the plug-in folders (see `bench.core.paths`). Files
whose name begins with an underscore are private and not looked at. A data set, method or curriculum is a frozen
dataclass whose fields are its parameters; a study is an instance of `Study`.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import importlib.util
import inspect
import json
import pkgutil
import re
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.core import BenchError, DataSpec, Spec, Study, paths, plain
from bench.core.study_schema import check_form
from bench.storage.source_code import code_checksum

KINDS = {"datasets": "DATASET", "methods": "METHOD", "curricula": "CURRICULUM", "studies": "STUDY"}
DESCRIBED = ("version", "about", "family", "title", "source", "licence", "citation", "parameters")  # in a plan
SINGULAR = {"datasets": "data set", "methods": "method", "curricula": "curriculum", "studies": "study"}


def names(kind: str) -> list[str]:
    """Every name of `kind`, sorted."""
    return sorted(_members()[kind])


def member(kind: str, name: str) -> Any:
    """The class (data set, method, curriculum) or the Study behind a name. BenchError with the nearest name."""
    members = _members()[kind]
    if name not in members:
        raise BenchError(f"no {SINGULAR[kind]} {name!r}; {did_you_mean(name, members)}")
    return members[name]


def make(kind: str, name: str, params: Mapping[str, Any] | None = None) -> Any:
    """The member with its parameters set. BenchError for a wrong name, parameter or value, with what is allowed."""
    return construct(member(kind, name), params or {}, f"{SINGULAR[kind]} {name}")


def spec(kind: str, name: str, params: Mapping[str, Any] | None = None) -> Spec:
    """The name with its version and every parameter spelled out, for a trial."""
    instance = make(kind, name, params)
    shape = DataSpec if kind == "datasets" else Spec
    return shape(name, getattr(instance, "version", 1), plain(instance) if dataclasses.is_dataclass(instance) else {})


def study(name: str) -> Study:
    """The study of that name. BenchError where its file holds none, or one with parts that are no such thing."""
    found = member("studies", name)
    check_form(found, name)
    return found


def extensions(attribute: str) -> list[tuple[Any, Path]]:
    """(value, file) of every module of the installed packages and plug-in folders that defines `attribute`.

    For parts of the harness that are no members, as FIGURE and TABLE of a report. Packages first, then the folders.
    BenchError if a file of a plug-in folder cannot be loaded.
    """
    modules = [module for _, module in _modules(_plugin_folders()) if hasattr(module, attribute)]
    return [(getattr(module, attribute), Path(module.__file__)) for module in modules]


def plugin_extensions(attribute: str) -> list[tuple[Any, Path]]:
    """The same from the plug-in folders alone. A file that does not assign `attribute` is not imported."""
    assigned = re.compile(rf"^{attribute}\b[^=\n]*=", re.MULTILINE)
    files = [path for folder in _plugin_folders() for path in sorted(Path(folder).glob("[!_]*.py"))]
    chosen = [path for path in files if assigned.search(path.read_text(encoding="utf-8", errors="replace"))]
    return [(getattr(_load(path), attribute), path) for path in chosen]


def homes(kind: str) -> list[Path]:
    """The folders that the members of a kind lie in."""
    return sorted({Path(module.__file__).parent.resolve() for module in _sources()[kind].values()})


def describe(kind: str, name: str) -> dict[str, Any]:
    """What is to be said of a member: its docstring, and every parameter with default, choices and meaning."""
    found = member(kind, name)
    owner = sys.modules[found.__module__] if inspect.isclass(found) else _sources()[kind][name]
    text = inspect.getdoc(found) if inspect.isclass(found) else owner.__doc__
    entry = {"name": name, "kind": kind, "version": getattr(found, "version", 1), "about": inspect.cleandoc(text or "")}
    for key in ("family", "title", "source", "licence", "citation", "layout", "phantom", "twin", "expected"):
        if hasattr(found, key):
            entry[key] = plain(getattr(found, key))
    if inspect.isclass(found):
        entry["parameters"] = [_parameter(f) for f in dataclasses.fields(found)]
    if getattr(found, "space", None):
        entry["space"] = {name: f"{type(one).__name__} {plain(one)}" for name, one in found.space.items()}
    return entry


def descriptions(
    datasets: Iterable[str], methods: Iterable[str], curricula: Iterable[str]
) -> dict[str, dict[str, dict[str, Any]]]:
    """The same by names. A member that is not here has no entry."""
    asked = {"datasets": datasets, "methods": methods, "curricula": curricula}
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for kind, names in asked.items():
        found[kind] = {name: entry for name in dict.fromkeys(names) if (entry := _description(kind, name))}
    return found


def _description(kind: str, name: str) -> dict[str, Any]:
    try:
        told = describe(kind, name)
    except BenchError:
        return {}
    return {key: told[key] for key in DESCRIBED if told.get(key) not in (None, "", [])}


def code(owner: type) -> str:
    """A checksum of the code of a member's class: its own file and all that this imports, no other member beside it."""
    return code_checksum([owner.__module__])


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """The end of an error about a name: the nearest one, or all of them."""
    allowed = sorted(allowed)
    near = difflib.get_close_matches(name, allowed, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(allowed) or 'none'}"


def construct(cls: type, params: Mapping[str, Any], owner: str) -> Any:
    """`cls(**params)` with values brought to the types of the defaults; `a.b` sets a field of the field a.

    Strings are accepted for any type, as a command line gives them.
    """
    fields = {f.name: f for f in dataclasses.fields(cls)}
    values: dict[str, Any] = {}
    for name, value in sorted(params.items(), key=lambda item: item[0].count(".")):
        head, _, rest = name.partition(".")
        if head not in fields:
            raise BenchError(f"{owner} has no parameter {head!r}; {did_you_mean(head, fields)}")
        if rest:
            value = _with_part(values.get(head, fields[head].default), rest, value, f"{owner}: {head}")
        values[head] = _coerce(fields[head], value, owner)
    try:
        return cls(**values)
    except (TypeError, ValueError) as error:
        raise BenchError(f"{owner}: {error}") from error


def _with_part(held: Any, name: str, value: Any, owner: str) -> Any:
    if held is None:  # nothing says the type of the part
        return {name: _free(value)}
    parts = plain(held)
    if not isinstance(parts, Mapping):
        raise BenchError(f"{owner} is {held!r}, which has no parts to set, so no {name!r}")
    return {**parts, name: value if dataclasses.is_dataclass(held) else _free(value)}


def _free(value: Any) -> Any:
    """A value of any type: what the text says as JSON, else the text."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _coerce(field: dataclasses.Field, value: Any, owner: str) -> Any:
    default, choices = field.default, field.metadata.get("choices", ())
    parse = getattr(type(default), "parse", None)
    try:
        value = parse(value) if parse else _as_type(default, value)
    except (TypeError, ValueError) as error:
        kind = type(default).__name__
        raise BenchError(f"{owner}: {field.name} is {kind} (default {default!r}), not {value!r}") from error
    for item in value if isinstance(default, tuple) else [value]:
        if choices and item not in choices:
            allowed = ", ".join(str(choice) for choice in choices)
            raise BenchError(f"{owner}: {field.name} has no {item!r}; there are: {allowed}")
    return value


def _as_type(default: Any, value: Any) -> Any:
    if isinstance(value, str) and not isinstance(default, (str, tuple)):
        value = {"on": True, "off": False, "true": True, "false": False, "none": None}.get(value.lower(), value)
        if default is None:
            return _free(value)
        value = json.loads(value) if isinstance(value, str) else value
    if default is None:
        return value
    if isinstance(default, tuple):
        if isinstance(value, str):
            value = [] if value.lower() in ("", "none", "off") else value.split(",")
        return tuple(_as_type(default[0], item) if default else item for item in value)
    if isinstance(default, bool) != isinstance(value, bool):
        raise TypeError("a truth value is no number")
    if isinstance(default, float) and isinstance(value, int):
        return float(value)
    if not isinstance(value, type(default)):
        raise TypeError(f"{value!r} is no {type(default).__name__}")
    return value


def _parameter(field: dataclasses.Field) -> dict[str, Any]:
    meta = field.metadata
    entry = {"name": field.name, "default": plain(field.default), "meaning": meta.get("meaning", "")}
    return {**entry, "choices": plain(meta["choices"])} if meta.get("choices") else entry


def forget() -> None:
    """Look at the files again at the next call: for tests, and for whoever changes the plug-in folders."""
    _scan.cache_clear()


def _members() -> dict[str, dict[str, Any]]:
    return _scan(_plugin_folders())[0]


def _sources() -> dict[str, dict[str, ModuleType]]:
    return _scan(_plugin_folders())[1]


def _plugin_folders() -> tuple[str, ...]:
    return tuple(str(folder.resolve()) for folder in paths.plugin_folders())


@lru_cache(maxsize=4)
def _scan(folders: tuple[str, ...]) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, ModuleType]]]:
    members: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
    sources: dict[str, dict[str, ModuleType]] = {kind: {} for kind in KINDS}
    for name, module in _modules(folders):
        for kind, attribute in KINDS.items():
            if not hasattr(module, attribute):
                continue
            if name in members[kind]:
                other, here = sources[kind][name].__file__, module.__file__
                raise BenchError(f"two files define the {SINGULAR[kind]} {name!r}: {other} and {here}; rename one")
            members[kind][name], sources[kind][name] = getattr(module, attribute), module
    return members, sources


def _modules(folders: tuple[str, ...]) -> Iterable[tuple[str, ModuleType]]:
    for value in sorted({point.value for point in entry_points(group="dclse_bench")}):
        yield from _packaged(value)
    for folder in folders:
        for path in sorted(Path(folder).glob("[!_]*.py")):
            yield path.stem, _load(path)


def _packaged(value: str) -> Iterable[tuple[str, ModuleType]]:
    module = importlib.import_module(value)
    yield value.rpartition(".")[2], module
    if any(hasattr(module, attribute) for attribute in KINDS.values()):
        return  # a member itself: what lies inside is its own affair
    for info in pkgutil.iter_modules(getattr(module, "__path__", [])):
        if not info.name.startswith("_") and not info.ispkg:
            yield info.name, importlib.import_module(f"{value}.{info.name}")


def _load(path: Path) -> ModuleType:
    name = f"bench_plugins.{path.stem}"
    if name in sys.modules and sys.modules[name].__file__ == str(path):
        return sys.modules[name]
    plugin = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(plugin)
    sys.modules[name] = module
    try:
        plugin.loader.exec_module(module)
    except Exception as error:  # anything may go wrong in a file that a user is still writing
        del sys.modules[name]
        raise BenchError(f"{path} cannot be loaded: {type(error).__name__}: {error}") from error
    return module
