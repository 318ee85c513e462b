"""Folders of its own for each planted fault, with plug-ins, prepared data and runs in them."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import registry
from bench.core import Study
from bench.data.prepare import Prepared, prepare
from bench.storage.atomic_io import json_checksum

if TYPE_CHECKING:
    from bench.report import ReportData

VARIABLES = {"BENCH_DATA": "data", "BENCH_RESULTS": "results", "BENCH_PLUGINS": "plugins"}


def edit_plan(path: Path, change: Callable[[dict[str, Any]], None], sealed: bool = True) -> None:
    """Change the plan of a study by hand.

    Parameters
    ----------
    path : Path
        The plan.json.
    change : callable
        Changes the entry in place.
    sealed : bool
        Whether the checksum of the plan is computed again, as somebody who knows the code would do.
    """
    entry = json.loads(path.read_text("utf-8"))
    seal = entry.pop("seal")
    change(entry)
    entry["seal"] = json_checksum(entry) if sealed else seal
    path.write_text(json.dumps(entry), encoding="utf-8")


@dataclass(frozen=True)
class Sandbox:
    """A folder in which a fault is planted; the user's own data, results and plug-ins are out of reach.

    Attributes
    ----------
    folder : Path
        It has the folders data, results and plugins.
    """

    folder: Path

    @property
    def results(self) -> Path:
        """The folder of the results."""
        return self.folder / "results"

    def add(self, name: str, program: str) -> None:
        """Write a plug-in.

        Parameters
        ----------
        name : str
            Name of the member.
        program : str
            Text of its file.
        """
        (self.folder / "plugins" / f"{name}.py").write_text(program, encoding="utf-8")
        registry.clear_cache()

    def prepare(self, name: str, params: Mapping[str, Any] | None = None) -> Prepared:
        """Prepare a data set; one that is no phantom from a folder with one file.

        Parameters
        ----------
        name : str
            Name of the data set.
        params : mapping, optional
            Its parameters.

        Returns
        -------
        Prepared
            The prepared set.
        """
        if registry.member("datasets", name).phantom:
            return prepare(name, params)
        source = self.folder / "scans"
        source.mkdir(exist_ok=True)
        (source / "all").write_text("scans", encoding="utf-8")
        return prepare(name, params, source=source)

    def run(self, study: Study, name: str = "planted") -> None:
        """Run the trials of a study, without a report.

        Parameters
        ----------
        study : Study
            The study.
        name : str
            Name of its folder of results.
        """
        from bench.experiments.prepare_study import StudyRequest
        from bench.experiments.run_monitor import SilentMonitor
        from bench.experiments.run_study import RunOptions, run_study

        request = StudyRequest(name, built=study)
        run_study(request, RunOptions(launcher="serial"), SilentMonitor(), self.results)

    def report(self, name: str = "planted") -> ReportData:
        """Read the tables of a study that was run here.

        Parameters
        ----------
        name : str
            Name of its folder of results.

        Returns
        -------
        ReportData
            Its tables.
        """
        from bench import report

        return report.read(name, self.results)


@contextmanager
def sandbox() -> Iterator[Sandbox]:
    """Yield a sandbox, which is removed at the end; environment and registry are as before then."""
    before = {name: os.environ.get(name) for name in VARIABLES}
    modules = set(sys.modules)
    with tempfile.TemporaryDirectory(prefix="bench-verify-") as folder:
        for name, part in VARIABLES.items():
            (Path(folder) / part).mkdir()
            os.environ[name] = str(Path(folder) / part)
        registry.clear_cache()
        try:
            yield Sandbox(Path(folder))
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
            for name in set(sys.modules) - modules:
                if name.startswith("bench_plugins"):
                    del sys.modules[name]
            registry.clear_cache()
