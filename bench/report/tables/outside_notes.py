"""Notes on arms that were not trained here: what their user declares, and what cannot be known."""

from __future__ import annotations

from bench.report.tables.results import DatasetResults

_TRAINED = {
    "folds": "declared to be trained on the training parts of these folds, which nothing here can check",
    "elsewhere": "trained elsewhere: on whom, and whether they are among the people tested here, is unknown",
}


def outside_notes(section: DatasetResults) -> tuple[str, ...]:
    """A note for every arm whose predictions were read from a file."""
    notes = []
    for arm in section.arms:
        known = next((run.record.resolved["outside"] for run in section.of(arm) if _is_from_file(run)), None)
        if known is not None:
            chosen = known["selection"]
            selection = f"selection, as declared: {chosen}" if chosen else "how its model was selected is unknown"
            seen = "" if known["trained"] == "elsewhere" else "; whether it has seen the test people is unknown"
            notes.append(f"{arm}: {_TRAINED[known['trained']]}; {selection}{seen}.")
    return tuple(notes)


def _is_from_file(run: object) -> bool:
    return run.done and "outside" in run.record.resolved
