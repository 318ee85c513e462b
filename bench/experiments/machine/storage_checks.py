"""Checks of the folders of results and data, of plug-ins, and of what killed runs have left."""

from __future__ import annotations

import contextlib
import io
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from bench import registry
from bench.core import BenchError, paths, plural
from bench.experiments.machine.finding import CAUTION, FAULT, GOOD, Finding
from bench.storage.locks import read_lock_note
from bench.storage.record_store import CLAIMS, RUNNING, Store

LITTLE = 5 * 2**30  # bytes of a disk
OLD = 86400.0  # seconds


def check_results() -> Iterator[Finding]:
    """The folder of results, its disk, and the studies in it."""
    root = paths.results_root()
    studies = len(list(root.glob("*/plan.json")))
    yield _folder("results", root, "BENCH_RESULTS", plural(studies, "study", "studies"))


def check_data() -> Iterator[Finding]:
    """The folder of prepared data, its disk, and every prepared data set that is damaged."""
    from bench.data.prepare import DamagedDataError, open_prepared

    root = paths.data_root()
    prepared = []
    for name in registry.names("datasets"):
        try:
            if open_prepared(name) is not None:
                prepared.append(name)
        except DamagedDataError as error:
            yield Finding("data", CAUTION, str(error), f"run: bench prepare {name}")
        except BenchError as error:
            yield Finding("data", CAUTION, f"{name}: {error}")
    yield _folder("data", root, "BENCH_DATA", f"prepared: {', '.join(prepared) or 'no data set'}")


def _folder(subject: str, root: Path, variable: str, contents: str) -> Finding:
    """Whether a folder can be written, and how much space its disk has."""
    if not paths.writable(root):
        return Finding(subject, FAULT, f"{root} cannot be written", f"set {variable} to a folder of yours")
    nearest = next(each for each in (root.absolute(), *root.absolute().parents) if each.exists())
    free = shutil.disk_usage(nearest).free
    words = f"{root}: {contents}; {free / 2**30:.1f} GB of its disk are free"
    if free < LITTLE:
        return Finding(subject, CAUTION, words, f"make space, or set {variable} to a folder on another disk")
    return Finding(subject, GOOD, words)


def check_plugins() -> Iterator[Finding]:
    """The plug-in folders, files that cannot be loaded, and files that nothing uses."""
    folders = paths.plugin_folders()
    if not folders:
        yield Finding("plug-ins", GOOD, "no folder `plugins` here, and $BENCH_PLUGINS is not set")
        return
    registry.clear_cache()
    warnings = io.StringIO()
    with contextlib.redirect_stderr(warnings):
        unused = registry.unused_plugin_files()
        for kind in registry.KINDS:
            registry.names(kind)
    faults = [line.removeprefix("bench: warning: ") for line in warnings.getvalue().splitlines()]
    for words in faults:
        yield Finding("plug-ins", FAULT, words, "correct the file")
    for path in unused:
        yield Finding("plug-ins", CAUTION, f"nothing uses {path}: it defines none of the known variables")
    count = sum(1 for folder in folders for _ in folder.glob("[!_]*.py"))
    if not faults and not unused:
        places = ", ".join(str(folder.resolve()) for folder in folders)
        yield Finding("plug-ins", GOOD, f"{plural(count, 'file')} in {places}")


def check_locks() -> Iterator[Finding]:
    """Trials that run now, and what killed runs have left: it is harmless, as the next run resumes from it."""
    store = Store(paths.results_root())
    claims = store.trials / CLAIMS
    files = [path for path in claims.iterdir() if path.is_file()] if claims.is_dir() else []
    held = [path for path in files if read_lock_note(path) is not None]
    work = [
        path for path in store.trials.glob(f"{RUNNING}-*") if not any(path.name.find(each.name) > 0 for each in held)
    ]
    old = [path for path in work if time.time() - path.stat().st_mtime > OLD]
    words = f"{plural(len(held), 'trial')} running, {plural(len(work), 'unfinished trial')} of runs that ended"
    if old:
        days = max(time.time() - path.stat().st_mtime for path in old) / OLD
        remedy = "run the study again to resume, or delete these folders"
        yield Finding("locks", CAUTION, f"{words}; {len(old)} of {days:.0f} days ago in {store.trials}", remedy)
    else:
        yield Finding("locks", GOOD, words)
