"""Benchmark and ablation harness for deep learning on brain images.

From Python: `run`, `plan`, `status` and `load_results` handle a study; `Method`, `Dataset`, `View`, `Curriculum` and
`param` define new members; `Study`, `Arm`, `Data` and `Recipe` define a study. On the command line: `bench --help`.

The docstring of each package states its purpose and what it does not know. Imports go downwards only; `pyproject.toml`
has the order, which import-linter checks.
"""

from bench.torchvision_import import mend_torchvision

mend_torchvision()

_MODULES = {
    "bench.core": ("Arm", "BenchError", "Data", "Dataset", "Recipe", "Study", "param"),
    "bench.curriculum": ("Curriculum",),
    "bench.experiments.api": ("Results", "load_results", "plan", "run", "status"),
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


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("dclse-bench")
    except PackageNotFoundError:  # a source tree that is not installed
        return "0+source"
