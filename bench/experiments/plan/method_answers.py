"""Remembers what methods say of their networks while a study is planned, as that takes importing torch and MONAI.

An answer is a file in the folder of prepared data. Its name is a checksum over the question, the code of the method and
the installed versions, so that an answer of other code is never read. Only what a plan shows is remembered: a run asks
the methods themselves.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench import registry
from bench.core import Arm, BenchError, canonical, paths
from bench.storage.atomic_io import write_text

LIBRARIES = ("torch", "torchvision", "timm", "monai", "numpy")
READS = re.compile(r'"(weights|pretrain_data)":\s*"[^"]')  # parameters of a method, or of its teacher, that name data
SHARED = ("method", "views", "weights", "core")  # packages of `bench` that methods are built on


def folder() -> Path:
    """The folder of the answers."""
    return paths.data_root() / "answers"


def remembered(question: str, arm: Arm, ask: Callable[[], str]) -> str:
    """The answer to a question about the method of an arm, from a file or from `ask`.

    question: with all that the answer depends on beside the method. A method that reads a file of weights is always
    asked. Errors of `ask` pass through and are not remembered.
    """
    text = registry.spec("methods", arm.method, arm.params).text
    if READS.search(text):
        return ask()
    path = folder() / f"{_checksum(question, text)}.txt"
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        _announce()
        answer = ask()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, answer)
    except (OSError, BenchError):  # the folder is read-only or full: the next plan asks again
        return answer
    return answer


@cache
def _announce() -> None:
    """Say in a terminal, once, why the first plan takes long."""
    if "torch" not in sys.modules and sys.stderr.isatty():
        print("asking the methods about these scans: the first time this loads PyTorch and networks", file=sys.stderr)


def _checksum(question: str, text: str) -> str:
    parts = [question, text, _code(), canonical(_versions())]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


@cache
def _versions() -> tuple[str, ...]:
    found = [sys.version]
    for name in LIBRARIES:
        try:
            found.append(version(name))
        except PackageNotFoundError:
            found.append("")
    return tuple(found)


def _code() -> str:
    """Names, sizes and times of change of all files of methods, and of those that methods are built on."""
    package = Path(sys.modules["bench"].__file__).parent
    folders = {*registry.member_folders("methods"), *(package / name for name in SHARED)}
    return canonical([[str(path), *_stamp(path)] for each in sorted(folders) for path in sorted(each.glob("*.py"))])


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns
