"""Benchmark and ablation harness for deep learning on brain images.

From Python: `run`, `plan`, `status`, `load_results` and `paper` handle a study; `Method`, `Dataset`, `View`,
`Curriculum` and `param` define new members; `Study`, `Arm`, `Data` and `Recipe` define a study. On the command line:
`bench --help`.

The docstring of each package states its purpose and what it does not know. Imports go downwards only; `pyproject.toml`
has the order, which import-linter checks.
"""

import os
import sys

_MODULES = {
    "bench.core": ("Arm", "BenchError", "Data", "Dataset", "Recipe", "Study", "param"),
    "bench.curriculum": ("Curriculum",),
    "bench.experiments.api": ("Results", "load_results", "plan", "run", "status"),
    "bench.experiments.study_paper": ("paper",),
    "bench.method": ("Method",),
    "bench.views": ("View",),
}

__all__ = [name for names in _MODULES.values() for name in names]


def __getattr__(name: str) -> object:
    if name == "__version__":
        value = globals()[name] = _version()
        return value
    from bench.core.lazy import lazy_attributes  # not at the top: the command `bench` imports this package first

    return lazy_attributes("bench", _MODULES)[0](name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})


class _TorchvisionFinder:
    """Finds torchvision, which timm imports, and nothing else: see `bench.core.torchvision_import`."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> object:
        if name != "torchvision":
            return None
        from bench.core.torchvision_import import mending_spec

        return mending_spec(name, path, target)


class _OldAddressFinder:
    """Finds modules of this package that have moved, if nothing else has: see `bench.core.old_addresses`."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> object:
        if not name.startswith("bench."):
            return None
        from bench.core.old_addresses import old_spec

        return old_spec(name)


def _give_a_name() -> None:
    """Set $LOGNAME where this user has no name: MONAI and torch ask for it, and stop in a container without one."""
    if any(os.environ.get(name) for name in ("LOGNAME", "USER", "LNAME", "USERNAME")):
        return
    try:
        import pwd

        pwd.getpwuid(os.getuid())
    except ImportError:  # a system on which all users have names
        return
    except KeyError:
        os.environ["LOGNAME"] = f"uid-{os.getuid()}"


_give_a_name()
if "_OldAddressFinder" not in [getattr(each, "__name__", "") for each in sys.meta_path]:
    sys.meta_path.insert(0, _TorchvisionFinder)
    sys.meta_path.append(_OldAddressFinder)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("dclse-bench")
    except PackageNotFoundError:  # a source tree that is not installed
        return "0+source"
