"""Checks of Python, packages, processors, memory, GPU, Ray and fonts."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.experiments.machine.finding import CAUTION, FAULT, GOOD, Finding

DISTRIBUTION = "dclse-bench"
OLDEST = (3, 11)
EACH = 4.0  # gigabytes of memory for each training that runs at once
EXTRAS = ("mlflow-skinny", "pg8000", "tensorboard")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def check_python() -> Iterator[Finding]:
    """Version and system."""
    words = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {sys.executable}"
    if sys.version_info[:2] < OLDEST:
        yield Finding("Python", FAULT, words, f"install Python {'.'.join(map(str, OLDEST))} or newer")
    elif platform.system() == "Windows":
        yield Finding("Python", CAUTION, words, "files are not locked on Windows: run one `bench run` at a time")
    else:
        yield Finding("Python", GOOD, words)


def check_packages() -> Iterator[Finding]:
    """Every required package with its version, and the optional ones that are absent."""
    try:
        requirements = [Requirement.parse(text) for text in importlib.metadata.requires(DISTRIBUTION) or ()]
    except importlib.metadata.PackageNotFoundError:
        yield Finding("packages", CAUTION, f"{DISTRIBUTION} is not installed: it runs from a folder of its source")
        return
    needed = [each for each in requirements if not each.optional]
    wrong = [fault for each in needed if (fault := each.fault())]
    for words in wrong:
        yield Finding("packages", FAULT, words, "install again: python -m pip install -c constraints.txt .")
    if not wrong:
        shown = ", ".join(f"{name} {installed_version(name)}" for name in ("torch", "monai", "timm", "ray"))
        yield Finding("packages", GOOD, f"all {len(needed)} required packages, with {shown}")
    optional = {each.name for each in requirements if each.optional} & set(EXTRAS)
    if absent := sorted(name for name in optional if not installed_version(name)):
        yield Finding("packages", GOOD, f"optional, not installed: {', '.join(absent)}")


@dataclass(frozen=True)
class Requirement:
    """A package that this one requires, from its metadata: `torch>=2.13; extra == "x"`."""

    name: str
    limits: tuple[tuple[str, str], ...]  # sign and version
    optional: bool

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """Read a line of the metadata."""
        package, _, marker = text.partition(";")
        name = re.match(r"[\w.-]+", package)[0]
        return cls(name, tuple(re.findall(r"(>=|<)\s*([\d.]+)", package)), "extra" in marker)

    def fault(self) -> str:
        """Why the package cannot be used; empty if it can."""
        version = installed_version(self.name)
        if not version:
            return f"{self.name} is not installed"
        for sign, limit in self.limits:
            if (_numbers(version) >= _numbers(limit)) != (sign == ">="):
                return f"{self.name} is {version}, and must be {sign}{limit}"
        return ""


def installed_version(name: str) -> str:
    """The installed version of a package; empty if it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.match(r"[\d.]*", version)[0].strip(".").split(".") if part)


def check_processors() -> Iterator[Finding]:
    """Processors of this process, and variables that would let each training take all of them."""
    from bench.experiments.launch.node_agent import processors

    count = processors()
    words = f"{count} of {os.cpu_count()} processors are for this process"
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if busy > 1.5 * (os.cpu_count() or 1):
        yield Finding("processors", CAUTION, f"{words}; {busy:.1f} processes want to run", "trainings will be slow")
    else:
        yield Finding("processors", GOOD, words)
    given = {name: os.environ[name] for name in THREADS if os.environ.get(name, "1") != "1"}
    for name, value in given.items():
        yield Finding("processors", CAUTION, f"{name} is {value}", "a recipe sets the threads; unset the variable")


def check_memory() -> Iterator[Finding]:
    """Main memory that is free, of the container if there is one, and shared memory."""
    free, total = (each / 2**30 for each in memory())
    words = f"{free:.1f} of {total:.1f} GB are free"
    if free < EACH:
        yield Finding("memory", CAUTION, words, f"a training takes about {EACH:g} GB: close other programs")
    else:
        yield Finding("memory", GOOD, f"{words}: about {int(free // EACH)} trainings at once")
    shared = Path("/dev/shm")
    if shared.is_dir() and shutil.disk_usage(shared).total < 2**30:
        size = shutil.disk_usage(shared).total >> 20
        yield Finding("memory", CAUTION, f"{shared} has {size} MB", "start the container with more: --shm-size=2g")


def memory() -> tuple[float, float]:
    """Bytes of main memory that are free, and all bytes; of the control group of this process if it has fewer."""
    page = os.sysconf("SC_PAGE_SIZE")
    free, total = page * os.sysconf("SC_AVPHYS_PAGES"), page * os.sysconf("SC_PHYS_PAGES")
    available = re.search(r"MemAvailable:\s*(\d+)", _text("/proc/meminfo"))
    free = 1024 * int(available[1]) if available else free
    limit, used = _text("/sys/fs/cgroup/memory.max").strip(), _text("/sys/fs/cgroup/memory.current").strip()
    if limit.isdigit() and int(limit) < total:
        return min(free, int(limit) - int(used or 0)), int(limit)
    return free, total


def _text(path: str) -> str:
    try:
        return Path(path).read_text("ascii")
    except OSError:  # another system
        return ""


def check_gpu() -> Iterator[Finding]:
    """The GPU as torch sees it, and one that only the driver sees."""
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
        free, total = (each / 2**30 for each in torch.cuda.mem_get_info())
        yield Finding("GPU", GOOD, f"{', '.join(names)}: {free:.1f} of {total:.1f} GB free on the first")
    elif shutil.which("nvidia-smi"):
        built = torch.version.cuda or "no CUDA"
        remedy = "install the torch of your driver's CUDA version, or check the driver: nvidia-smi"
        yield Finding("GPU", CAUTION, f"nvidia-smi is here, but torch (built for {built}) finds no GPU", remedy)
    else:
        yield Finding("GPU", GOOD, "none: trainings run on processors")


def check_ray() -> Iterator[Finding]:
    """Whether Ray could be started here: a folder for its sockets, and the loopback."""
    from bench.experiments.launch.ray_folder import RayStartError, ray_folder

    address = os.environ.get("RAY_ADDRESS")
    cluster = f"; $RAY_ADDRESS names a cluster: {address}" if address else ""
    try:
        with ray_folder() as folder:
            yield Finding("Ray", GOOD, f"can be started, with its sockets in {folder.parent}{cluster}")
    except RayStartError as error:
        yield Finding("Ray", CAUTION, str(error), "trials run one after the other until then")


def check_fonts() -> Iterator[Finding]:
    """The font of figures, which comes with matplotlib, and one for Chinese, Japanese and Korean labels."""
    import matplotlib.font_manager as fonts

    from bench.report.figures.style import EAST_ASIAN, FAMILY

    there = {each.name for each in fonts.fontManager.ttflist}
    if FAMILY not in there:
        remedy = f"delete the cache of fonts, {fonts.get_cachedir()}, or install matplotlib again"
        yield Finding("fonts", CAUTION, f"{FAMILY} is not found: figures look different", remedy)
        return
    more = next((name for name in EAST_ASIAN if name in there), "")
    words = (
        f"; {more} for Chinese, Japanese and Korean labels" if more else "; none for Chinese, Japanese, Korean labels"
    )
    yield Finding("fonts", GOOD, f"{FAMILY}{words}")
