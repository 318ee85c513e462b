"""Every table of a report: the `TABLE` of each file `*_table.py` of this folder and of the plug-in files."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from bench import registry
from bench.core import BenchError
from bench.report.tables.table_spec import AcrossTableSpec, AnyTableSpec, StudyTableSpec, TableSpec

Spec = TypeVar("Spec", TableSpec, AcrossTableSpec, StudyTableSpec)
Specs = Mapping[str, AnyTableSpec]
RETURNS = {"frame": "DataFrame", "tests": "DataFrame", "layout": "TableBody", "anonymise": "DataFrame"}


def read_specs() -> Specs:
    """Name -> table, by their order. BenchError if two tables have one name, or a `TABLE` is something else."""
    found: dict[str, AnyTableSpec] = {}
    for spec, path in (*_own(), *_plugins()):
        if spec.name in found:
            raise BenchError(f"{path}: there is a table {spec.name!r} already; give this one another name")
        if (csv := getattr(spec, "csv", "")) and csv in csv_descriptions(found):
            raise BenchError(f"{path}: another table writes '{csv}.csv'; give `csv` another name")
        found[spec.name] = spec
    return dict(sorted(found.items(), key=lambda item: item[1].order))


def _own() -> list[tuple[AnyTableSpec, Path]]:
    """The `TABLE` of every file `*_table.py` of this folder."""
    home = Path(__file__).parent
    names = [info.name for info in pkgutil.iter_modules([str(home)]) if info.name.endswith("_table")]
    modules = [importlib.import_module(f"bench.report.tables.{name}") for name in names]
    return [(module.TABLE, Path(module.__file__)) for module in modules]


def _plugins() -> Iterator[tuple[AnyTableSpec, Path]]:
    """The `TABLE` of every plug-in file; an error in one of its functions names the file."""
    for spec, path in registry.plugin_extensions("TABLE"):
        if not isinstance(spec, AnyTableSpec):
            raise BenchError(f"{path}: TABLE is {type(spec).__name__}; make it a TableSpec of bench.report.tables")
        functions = {
            name: registry.guarded(getattr(spec, name), path, f"`{name}` of the table {spec.name!r}", returns)
            for name, returns in RETURNS.items()
            if hasattr(spec, name)
        }
        yield replace(spec, **functions), path


def of_kind(specs: Specs, kind: type[Spec]) -> list[Spec]:
    """The tables of one kind, by their order."""
    return [spec for spec in specs.values() if isinstance(spec, kind)]


def csv_descriptions(specs: Specs) -> dict[str, str]:
    """Name of a CSV file without its ending -> its description on the page."""
    return {spec.csv: spec.about for spec in specs.values() if not isinstance(spec, StudyTableSpec) and spec.csv}
