"""Writes plug-in files from the templates of the package; never over a file that is there."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from bench import registry
from bench.core import BenchError, paths
from bench.storage.atomic_io import write_text

SAFE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def new_plugin(kind: str, name: str, template: str, values: Mapping[str, str]) -> Path:
    """Write the file of a member into the first plug-in folder, or into a new folder `plugins`, and return its path.

    kind: of `registry.KINDS`. template: the middle of the name of a file in `bench/templates`. BenchError if the name
    is no name of a module, or is taken.
    """
    check_name(kind, name)
    folders = paths.plugin_folders()
    folder = folders[0] if folders else Path("plugins")
    path = folder / f"{name}.py"
    if path.exists() or path.is_symlink():
        raise BenchError(f"{path} already exists; nothing was written: give another name, or remove the file")
    text = (resources.files("bench") / "templates" / f"new_{template}.txt").read_text(encoding="utf-8")
    known = {"name": name, "class": "".join(part.capitalize() for part in name.split("_")), **values}
    filled = re.sub(r"\{\{ (\w+) \}\}", lambda match: known[match[1]], text)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(path, re.sub(r"\n{4,}", "\n\n\n", filled))
    registry.clear_cache()
    return path


def check_name(kind: str, name: str) -> None:
    """BenchError if a member of that kind cannot have this name."""
    if not SAFE.fullmatch(name) or keyword.iskeyword(name):
        raise BenchError(f"{name!r} cannot be the name of a file of Python: use letters, digits and _, as in my_clinic")
    if name in registry.names(kind):
        raise BenchError(f"there is a {registry.SINGULAR[kind]} {name!r} already; give another name")
