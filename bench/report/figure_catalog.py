"""The figures of a report, one per file: the data, the drawing and the caption of each.

A file `bench/report/figures/NAME_figure.py`, or a file of a plug-in folder, defines a module-level `FIGURE`. A figure
without data is left out without an error: no predictions, a class that no test part has, an arm without a curve.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import registry
from bench.core import BenchError
from bench.report import figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LAST = 1000  # default order: after the figures of the package
DATA_SET, KIND = "data set", "kind"
RETURNS = {"data": "", "draw": "Figure", "caption": "str"}


@dataclass(frozen=True, kw_only=True)
class FigureSpec:
    """One figure of a report. It must not import matplotlib before `draw` is called.

    name: the end of its files' names, unique. table: the name of the table below the figure; without one, or if the
    report has no such table, the figure is at the end of its part. alt: its description for readers who cannot see it,
    with `{data}` for the data set. data: returns the argument of `draw` and `caption`; None, or a value of length 0,
    leaves the figure out. order: its place among the figures, lowest first.

    one_per: `data set`, then all three functions get the `SectionTables` of one data set; or `kind`, then they get the
    list of those of all real, or of all phantom data sets.

    narrow: whether the page has it a second time for narrow screens, drawn by `draw` inside `style.page_width`;
    without, a narrow screen scrolls it.
    """

    name: str
    table: str
    alt: str
    data: Callable[[Any], Any]
    draw: Callable[[Any, Any], Figure]
    caption: Callable[[Any, Any], str] = lambda tables, data: ""
    one_per: str = DATA_SET
    order: int = LAST
    narrow: bool = False


def specs() -> list[FigureSpec]:
    """Every figure of the package and of the plug-in folders, in their order.

    BenchError if a plug-in cannot be loaded, if its FIGURE is no FigureSpec, or if two figures have one name.
    """
    found: dict[str, tuple[FigureSpec, Path]] = {}
    for spec, path in [*_own(), *_plugins()]:
        if spec.name in found:
            raise BenchError(f"two files define the figure {spec.name!r}: {found[spec.name][1]} and {path}; rename one")
        found[spec.name] = spec, path
    return sorted((spec for spec, _ in found.values()), key=lambda spec: (spec.order, spec.name))


def _own() -> Iterator[tuple[FigureSpec, Path]]:
    for info in pkgutil.iter_modules(figures.__path__):
        if info.name.endswith("_figure"):
            module = importlib.import_module(f"{figures.__name__}.{info.name}")
            yield module.FIGURE, Path(module.__file__)


def _plugins() -> Iterator[tuple[FigureSpec, Path]]:
    """The `FIGURE` of every plug-in file; an error in one of its functions names the file."""
    for spec, path in registry.plugin_extensions("FIGURE"):
        if not isinstance(spec, FigureSpec) or spec.one_per not in (DATA_SET, KIND):
            raise BenchError(f"{path}: FIGURE is no FigureSpec with one_per {DATA_SET!r} or {KIND!r}")
        try:
            spec.alt.format(data="")
        except (KeyError, IndexError, ValueError) as error:
            raise BenchError(f"{path}: `alt` may have {{data}} in braces and nothing else") from error
        functions = {
            name: registry.guarded(getattr(spec, name), path, f"`{name}` of the figure {spec.name!r}", returns)
            for name, returns in RETURNS.items()
        }
        yield replace(spec, **functions), path
