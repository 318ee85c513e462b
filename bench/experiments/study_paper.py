"""The documents for a paper on a study, from Python."""

from __future__ import annotations

from pathlib import Path

from bench.core import paths


def paper(study: str, *, results: str | Path | None = None) -> Path:
    """Write the documents for a paper on a study: methods, references, checklists and cards. Nothing is run.

    Parameters
    ----------
    study : str
        Name of a study that was run.
    results : path, optional
        Folder of the results; ``$BENCH_RESULTS``, or ``results`` in the current folder, by default.

    Returns
    -------
    Path
        The folder of the documents.

    Raises
    ------
    BenchError
        If the study has not been run in that folder, or a document would name a person.
    RunAbortedError
        If the aliases would differ from those of the last report, or the disk is full.
    """
    from bench.report.paper import build

    return build(study, paths.expand(results) if results else paths.results_root())
