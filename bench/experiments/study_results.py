"""The results of a study for a Python program: counts, records and pandas frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bench.experiments.run_summary import RunSummary

if TYPE_CHECKING:
    import pandas as pd

    from bench.core import Record
    from bench.report import ReportData
    from bench.report.figure_files import ReportFigure
    from bench.report.shown_figure import ShownFigure

STATUSES = ("done", "failed", "refused", "open")


@dataclass(frozen=True, repr=False)
class Results:
    """Results of the finished trials of a study.

    Every frame has a column ``data`` with the name of the data set. For a smoke run, which trains too little to
    measure anything, every frame has a first column ``smoke`` that is True: no report shows these numbers.

    Attributes
    ----------
    study : str
        Name of the study, which is the name of its folder too.
    root : Path
        Folder of all results (``$BENCH_RESULTS``). For a smoke run it is removed with this object.
    path : Path or None
        The page of the report. None if none was built: a smoke run has no report.
    smoke : bool
        Whether the study was run at its smallest, to check that it runs.
    summary : RunSummary or None
        The failed and the refused trials of the arms that were run; None for `load_results`.
    """

    study: str
    root: Path
    path: Path | None = None
    smoke: bool = False
    summary: RunSummary | None = None
    loaded: ReportData | None = field(default=None, compare=False)

    @cached_property
    def report_data(self) -> ReportData:
        """What the report is made from; read from disk at the first use."""
        from bench import report

        return self.loaded or report.read(self.study, self.root)

    @property
    def scores(self) -> pd.DataFrame:
        """A row per data set and arm: the mean score over folds, its 95 % interval, other metrics, and costs.

        ``primary`` names the metric of ``score``, ``low`` and ``high``; times are in seconds, memory in megabytes.
        """
        return self.frame("scores")

    @property
    def contrasts(self) -> pd.DataFrame:
        """A row per data set and contrast: the paired difference, its interval, p, and p after Holm's correction."""
        return self.frame("contrasts")

    @property
    def splits(self) -> pd.DataFrame:
        """A row per pair of splits and arm: the difference, its interval, p, and p after Holm's correction."""
        return self.frame("splits")

    @property
    def effects(self) -> pd.DataFrame:
        """A row per data set and effect of a factorial study; empty for a study without factors."""
        return self.frame("effects")

    @property
    def controls(self) -> pd.DataFrame:
        """A row per data set and control: the repeat with other seeds, and the runs on random labels."""
        return self.frame("controls")

    @property
    def failures(self) -> pd.DataFrame:
        """A row per failed or refused trial, with the reason."""
        return self.frame("failures")

    @property
    def predictions(self) -> pd.DataFrame:
        """A row per scan that an arm was tested on, at the selected evaluation point.

        Columns: ``arm``, ``role``, ``partition``, ``fold``, ``seed``, ``id``, ``group``, ``target``, ``prediction``
        (a class index, or a number in the unit of the target) and ``probability_k`` for each class k. ``id`` and
        ``group`` are those of the prepared data and may name people; the CSV file of the report has hashes instead.
        Segmentation keeps no predictions.
        """
        return self.frame("predictions")

    @property
    def curves(self) -> pd.DataFrame:
        """A row per run and evaluation point: training loss, and the scores on validation and test."""
        return self.frame("curves")

    @property
    def records(self) -> list[Record]:
        """The record of every trial that has one: setting, metrics, cost, and the error of a failed trial."""
        return self.report_data.results.records

    @property
    def status(self) -> Mapping[str, int]:
        """Number of trials that are done, failed, refused and open."""
        keys: dict[str, str] = {}
        for section in self.report_data.results.sections:
            keys |= {run.cell.key: run.status for run in section.runs}
        statuses = list(keys.values())
        return {status: statuses.count(status) for status in STATUSES}

    def frame(self, name: str) -> pd.DataFrame:
        """Numbers of a table of the report, over all data sets. Tables of plug-ins are included.

        Parameters
        ----------
        name : str
            Name of the table, as its file declares it.

        Returns
        -------
        DataFrame
            Rows of all data sets.

        Raises
        ------
        KeyError
            If no table has that name.
        """
        if name not in self._frames:
            self._frames[name] = self._stacked([part.frame(name) for part in self.report_data.tables])
        return self._frames[name]

    @property
    def figures(self) -> list[str]:
        """Names of the figures that have data: the data set and the figure, ``ad_oasis-scores``."""
        return [each.stem for each in self._drawable]

    def figure(self, name: str, width: float | None = None) -> ShownFigure:
        """Draw a figure of the report. At the end of a cell of a notebook it shows itself.

        Parameters
        ----------
        name : str
            One of `figures`, or its end (``scores``) where one data set has such a figure.
        width : float, optional
            Width in millimetres, 60 to 400: 85 for a column of most journals. By default that of the report.

        Returns
        -------
        ShownFigure
            With ``figure`` and ``axes`` of matplotlib, ``caption``, ``alt``, and ``save("figure.pdf")``.

        Raises
        ------
        BenchError
            If no figure, or more than one, has that name, or if the width is impossible.
        """
        from bench.report.shown_figure import draw_named

        return draw_named(self._drawable, name, width)

    @cached_property
    def _drawable(self) -> tuple[ReportFigure, ...]:
        from bench.report.figure_files import all_figures

        return all_figures(self.report_data.tables)

    def _repr_html_(self) -> str:
        """What a notebook shows: the answer in two sentences, the state, and the scores."""
        from html import escape

        from bench.report.headline import summary

        answer = "" if self.smoke else " ".join(summary(self.report_data.results, self.report_data.tables))
        columns = ["data", "arm", "primary", "score", "low", "high"]
        shown = self.scores[[*(["smoke"] if self.smoke else []), *columns]]
        table = shown.to_html(index=False, border=0, float_format=lambda value: f"{value:.3f}", na_rep="")
        return f"<p>{escape(answer)}</p><p>{escape(repr(self))}</p>{table}"

    @cached_property
    def _frames(self) -> dict[str, pd.DataFrame]:
        return {}

    def _stacked(self, frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
        import pandas as pd

        filled = [frame for frame in frames if len(frame)]
        frame = pd.concat(filled, ignore_index=True) if filled else frames[0].copy()
        if self.smoke:
            frame.insert(0, "smoke", True)
        return frame

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {status}" for status, count in self.status.items() if count)
        kind = "smoke run" if self.smoke else self.path or "no report"
        return f"Results({self.study}: {counts}; {kind})"
