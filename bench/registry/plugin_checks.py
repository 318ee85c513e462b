"""Checks of what plug-in files define, and errors that name the file and the line."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from bench.core import BenchError
from bench.core.parameters import did_you_mean

UNKNOWN_FIELD = re.compile(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'")
PACKAGE = "bench_plugins"  # import names of plug-in files begin with it
BASES = {"DATASET": "bench.core.Dataset", "METHOD": "bench.method.Method", "CURRICULUM": "bench.curriculum.Curriculum"}
DECORATORS = {"METHOD": "@dataclass(frozen=True, kw_only=True)"}
REQUIRED = {"DATASET": ("title", "source", "licence", "citation", "layout", "task"), "METHOD": ("family",)}


def check_member(attribute: str, value: Any, path: Path) -> None:
    """Check that a file defines a class of the right kind. The fields of a study are checked when it is used.

    Parameters
    ----------
    attribute : str
        Name of the module-level variable, a key of `BASES`; nothing is checked for another.
    value : object
        Its value.
    path : Path
        The file.

    Raises
    ------
    BenchError
        If the value is not such a class, lacks a required class variable, or has parameters and is no dataclass.
    """
    if attribute not in BASES:
        return
    if not isinstance(value, type):
        kind = type(value)
        if _has_base(kind, attribute):
            raise BenchError(f"{path}: {attribute} is an instance of {kind.__name__}; assign the class, "
                             "without parentheses")  # fmt: skip
        raise BenchError(f"{path}: {attribute} is {value!r}; assign a subclass of {BASES[attribute]}")
    if not _has_base(value, attribute):
        raise BenchError(f"{path}: {attribute} is {value.__name__}, which is no subclass of {BASES[attribute]}")
    for name in REQUIRED.get(attribute, ()):
        if not hasattr(value, name):
            raise BenchError(f"{path}: {value.__name__} has no `{name}`; define it in the class")
    _check_dataclass(attribute, value, path)


def _has_base(kind: type, attribute: str) -> bool:
    """Compare names: the modules of the base classes build on this one."""
    return BASES[attribute].rpartition(".")[2] in {each.__name__ for each in kind.__mro__}


def _check_dataclass(attribute: str, kind: type, path: Path) -> None:
    own = [name for name, hint in inspect.get_annotations(kind).items() if "ClassVar" not in str(hint)]
    if own and "__dataclass_params__" not in vars(kind):
        decorator = DECORATORS.get(attribute, "@dataclass(frozen=True)")
        raise BenchError(
            f"{path}: the parameter {own[0]!r} of {kind.__name__} cannot be set, because the class is no dataclass; "
            f"write {decorator} above it"
        )


def error_text(error: BaseException) -> str:
    """Describe an error of a plug-in file.

    Parameters
    ----------
    error : BaseException
        An error that was raised.

    Returns
    -------
    str
        Kind and message; for an unknown field of a class of the package, the class and the nearest field; the message
        alone of a `BenchError`.
    """
    if isinstance(error, BenchError):
        return str(error)
    unknown = UNKNOWN_FIELD.search(str(error)) if isinstance(error, TypeError) else None
    for name, module in list(sys.modules.items()) if unknown else ():
        kind = vars(module).get(unknown[1]) if name.partition(".")[0] == "bench" else None
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            near = did_you_mean(unknown[2], [each.name for each in dataclasses.fields(kind)])
            return f"{unknown[1]} has no field {unknown[2]!r}; {near}"
    return f"{type(error).__name__}: {error}"


def line_of(error: BaseException, path: Path) -> int | None:
    """Find the line of a file at which an error arose.

    Parameters
    ----------
    error : BaseException
        An error that was raised.
    path : Path
        The file.

    Returns
    -------
    int or None
        The innermost line of the file in the traceback; None if the file is not in it.
    """
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return lines[-1] if lines else None


def is_plugin(kind: type) -> bool:
    """Tell whether a class is defined in a plug-in file.

    Parameters
    ----------
    kind : type
        A class.

    Returns
    -------
    bool
        True if its module was read from a plug-in folder.
    """
    return kind.__module__.startswith(f"{PACKAGE}.")


def plugin_file(kind: type) -> Path | None:
    """Find the plug-in file that defines a class.

    Parameters
    ----------
    kind : type
        A class.

    Returns
    -------
    Path or None
        None if it is not defined in a plug-in file.
    """
    return Path(sys.modules[kind.__module__].__file__) if is_plugin(kind) else None


def plugin_line(error: BaseException) -> str:
    """Find the place in the plug-in files at which an error arose.

    Parameters
    ----------
    error : BaseException
        An error that was raised.

    Returns
    -------
    str
        File and innermost line; empty if no plug-in file is in the traceback.
    """
    files = {module.__file__ for name, module in list(sys.modules.items()) if name.startswith(f"{PACKAGE}.")}
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    return f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else ""


def guarded(function: Callable[..., Any] | None, path: Path, what: str, returns: str = "") -> Callable[..., Any] | None:
    """Wrap a function of a plug-in file, so that its errors name the file.

    Parameters
    ----------
    function : callable or None
        The function; None stays None.
    path : Path
        The file.
    what : str
        What the function is, for the message.
    returns : str, optional
        Name of the class that it must return.

    Returns
    -------
    callable or None
        The wrapped function. It raises a `BenchError` where the function raises another error, or returns a value of
        another class.
    """
    if function is None:
        return None

    @wraps(function)
    def call(*arguments: Any) -> Any:
        try:
            value = function(*arguments)
        except BenchError:
            raise
        except Exception as error:  # a user's function can raise any error
            line = line_of(error, path)
            where = f"{path}, line {line}" if line else f"{path}, {what}"
            raise BenchError(f"{where}: {error_text(error)}; correct the file") from error
        if returns and returns not in {each.__name__ for each in type(value).__mro__}:
            raise BenchError(f"{path}: {what} returned a {type(value).__name__}, not a {returns}")
        return value

    return call
