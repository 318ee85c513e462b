"""Code pickled by value for nodes of a cluster that may not have this package: standard library only.

The modules of this package that it imports are sent with it, see `code_archive.by_value`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.experiments.launch.code_folder import unpack_code
from bench.storage.source_code import PACKAGES, checksum, is_readable_file, package_folder

DISTRIBUTION = "dclse-bench"
ARRIVED = "dclse-bench/arrived/"


def folders_of_code() -> list[Path]:
    """The folders of the packages that are installed on this machine."""
    return [folder for name in PACKAGES if (folder := package_folder(name))]


def files_of(folder: Path) -> list[Path]:
    """The files of a package or of a folder of plug-ins, in order, without compiled and hidden ones."""
    paths = (path for path in Path(folder).rglob("*") if is_readable_file(path) and path.suffix != ".pyc")
    return sorted(path for path in paths if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def folders_checksum(folders: list[Path]) -> str:
    """A checksum over names and bytes of all files; empty if a folder is missing."""
    if not all(Path(folder).is_dir() for folder in folders):
        return ""
    parts = ((number, Path(folder)) for number, folder in enumerate(folders))
    return checksum(
        (f"{number}/{folder.name}/{path.relative_to(folder).as_posix()}", path)
        for number, folder in parts
        for path in files_of(folder)
    )


def version_of(package: str) -> str:
    """The installed version of a package; empty if it is not installed."""
    if package == "python":
        return ".".join(platform.python_version_tuple()[:2])
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def inspect_node(question: dict[str, Any]) -> dict[str, Any]:
    """What a node has: versions, code, plug-ins, prepared data, the results folder, memory."""
    root = data_root(question["data_root"], question["forced"])
    complete = len(folders_of_code()) == len(PACKAGES) and version_of(DISTRIBUTION)
    plugins = [Path(folder) for folder in question["plugins"]]
    return {
        "versions": {package: version_of(package) for package in question["versions"]},
        "code": folders_checksum([*folders_of_code(), *plugins]) if complete else "",
        "shared": _text(Path(question["token"])) == question["secret"],
        "data_root": root,
        "data": {folder: _fingerprint(Path(root) / folder) for folder in question["data"]},
        "gpu_mb": gpu_megabytes(),
        "memory_mb": memory_megabytes(),
    }


def data_root(given: str, forced: bool) -> str:
    """The data root of a node: its own BENCH_DATA, else that of the machine that sends the trials."""
    return given if forced else os.environ.get("BENCH_DATA") or given


def gpu_megabytes() -> float:
    """Memory of the smallest GPU of this machine; 0 if there is none or it is unknown."""
    words = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        output = subprocess.run(words, capture_output=True, encoding="utf-8", check=True, timeout=30).stdout
        return min(float(line) for line in output.split())
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0.0


def memory_megabytes() -> float:
    """Memory of this machine, or the limit of this process; 0 if unknown."""
    try:
        whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**20
    except (ValueError, OSError):
        return 0.0
    limit = _text(Path("/sys/fs/cgroup/memory.max")) or ""
    return min(whole, int(limit) / 2**20) if limit.strip().isdigit() else whole


def processors() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None


def _fingerprint(folder: Path) -> str | None:
    try:
        return json.loads((folder / "manifest.json").read_bytes())["fingerprint"]
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _register(token: str) -> None:
    """Register this process on the cluster, before the slow imports."""
    if token:
        from ray.experimental import internal_kv

        internal_kv._internal_kv_put(ARRIVED + token, b"1")


def prepare_worker(setting: dict[str, Any], plugins: list[str]) -> None:
    """Set the environment of a worker: the prepared data, the plug-in folders, one thread per operation."""
    os.environ["BENCH_DATA"] = data_root(setting["data_root"], setting["forced"])
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ.pop("BENCH_PLUGINS", None)
    if plugins:
        escaped = [folder.replace(os.pathsep, f"\\{os.pathsep}") for folder in plugins]
        os.environ["BENCH_PLUGINS"] = os.pathsep.join(escaped)


class TrialWorker:
    """A process of a node that runs one trial after the other, with all imports done."""

    def __init__(self, setting: dict[str, Any], code: bytes | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C of a terminal: the process that sent the trials ends them
        _register(setting["token"])
        plugins = setting["plugins"]
        if code is not None:
            folder = unpack_code(code)
            sys.path.insert(0, str(folder))
            importlib.invalidate_caches()
            plugins = sorted(map(str, folder.glob("plugins-*")))
        prepare_worker(setting, plugins)
        self.worker = importlib.import_module("bench.experiments.launch.worker")
        self.job = self.worker.WorkerJob(**setting["job"])

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a function of bench.experiments.launch.worker with this job and the arguments."""
        return getattr(self.worker, name)(self.job, *arguments)

    def path(self) -> str:
        """The folder of the package that this process uses."""
        return str(package_folder("bench"))
