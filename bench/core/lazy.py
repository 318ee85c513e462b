"""Attributes of a package that are imported when they are first used (PEP 562), so that its modules stay cheap."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def lazy_attributes(
    package: str, modules: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Create `__getattr__` and `__dir__` of a package.

    Parameters
    ----------
    package : str
        Import name of the package.
    modules : mapping of str to sequence of str
        Import name of each module, then the names that the package offers from it.

    Returns
    -------
    callable, callable
        `__getattr__`, which raises AttributeError for an unknown name, and `__dir__`.
    """
    origin = {name: module for module, names in modules.items() for name in names}

    def get(name: str) -> Any:
        if name not in origin:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(origin[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *origin})

    return get, names
