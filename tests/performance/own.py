"""Folders of a benchmark's own: data, results and plug-ins, and fresh processes that see them."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAMES = {"BENCH_DATA": "data", "BENCH_RESULTS": "results", "BENCH_PLUGINS": "plugins"}


@contextmanager
def folders() -> Iterator[Path]:
    """A folder with data, results and plugins, which the harness takes for its own as long as this lasts."""
    from bench import registry

    before = {name: os.environ.get(name) for name in NAMES}
    with tempfile.TemporaryDirectory() as folder:
        for name, part in NAMES.items():
            (Path(folder) / part).mkdir()
            os.environ[name] = str(Path(folder) / part)
        registry.forget()
        try:
            yield Path(folder)
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
            registry.forget()


def python(program: str, *words: str) -> str:
    """What a program says that a fresh process runs."""
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"a fresh process failed: {done.stderr[-2000:]}")
    return done.stdout
