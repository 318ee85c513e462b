"""The files of code that a result depends on, by import name, and one checksum over them. Standard library only.

A module depends on its imports, and on theirs; the import statements are parsed, no module is run. Lookups by name at
run time are not followed: data sets, methods and curricula have their own checksums, see `registry.code`.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

PACKAGES = ("bench", "baselines", "dclse", "studies")
TRAINING = ("bench.experiments.run_trial",)  # with its imports: all of `bench` that a trained network depends on
DOOR = "bench"  # its __init__ re-exports names from all rooms and computes nothing: not followed


def checksum(files: Iterable[tuple[str, Path]]) -> str:
    """SHA-256 over the names and the bytes of files, in the order of their names."""
    total = hashlib.sha256()
    for name, path in sorted(files):
        total.update(f"{name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def is_readable_file(path: Path) -> bool:
    """Whether a path is a file that this user may read: a link to a missing file is none."""
    return path.is_file() and os.access(path, os.R_OK)


def code_checksum(modules: Iterable[str]) -> str:
    """A checksum of 20 digits over modules and all that they import. modules: import names."""
    return checksum(with_imports(modules).items())[:20]


def with_imports(modules: Iterable[str]) -> dict[str, Path]:
    """Import name -> file of modules and of what they import, directly or not, from `PACKAGES` and their own packages.

    ImportError if one of `modules` has no file.
    """
    modules = list(modules)
    packages = {*PACKAGES, *(name.partition(".")[0] for name in modules)}
    if missing := [name for name in modules if file_of(name) is None]:
        raise ImportError(f"no file of the module {missing[0]!r}", name=missing[0])
    waiting, files = modules, {}
    while waiting:
        name = waiting.pop()
        path = None if name in files else file_of(name)
        if path is not None:
            files[name] = path
            imported = _imports(name, path, path.stat().st_mtime_ns)
            waiting += [each for each in imported if each.partition(".")[0] in packages and each != DOOR]
    return files


def package_folder(name: str) -> Path | None:
    """The folder of a top-level package; None if it is not installed."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def file_of(name: str) -> Path | None:
    """The file of a module, found without importing it; None if there is none."""
    if loaded := getattr(sys.modules.get(name), "__file__", None):
        return Path(loaded)
    top, *rest = name.split(".")
    folder = package_folder(top)
    if folder is None:
        return None
    place = folder.joinpath(*rest)
    candidates = (place / "__init__.py", place.with_suffix(".py"))
    return next((path for path in candidates if path.is_file()), None)


@lru_cache(maxsize=2048)
def _imports(name: str, path: Path, changed: int) -> tuple[str, ...]:
    """The modules that a file imports, at its top or in a function. changed: when; a changed file is read again."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    return tuple(_imported(ast.parse(path.read_bytes()), package))


def _imported(tree: ast.AST, package: str) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from _from(node, package)
        elif not _is_for_hints(node):
            yield from _imported(node, package)


def _from(node: ast.ImportFrom, package: str) -> Iterator[str]:
    """The modules of `from a import b`: a.b if that is a module, else a."""
    parents = package.split(".")
    relative = parents[: len(parents) - node.level + 1] if node.level else []
    origin = ".".join([*relative, *([node.module] if node.module else [])])
    for each in node.names:
        part = f"{origin}.{each.name}"
        yield part if file_of(part) else origin


def _is_for_hints(node: ast.AST) -> bool:
    """Whether these lines import for type hints only."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
