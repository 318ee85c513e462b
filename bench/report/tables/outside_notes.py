"""Notes on arms that were not trained here: what their user declares, and what cannot be known."""

from __future__ import annotations

import pandas as pd

from bench.evaluation import metrics
from bench.report.tables.number_format import decimals, number
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


def below_chance_notes(section: DatasetResults, frame: pd.DataFrame) -> tuple[str, ...]:
    """A note for every arm from a file whose whole interval is worse than chance: its classes may be exchanged.

    frame: the table of scores, a row for each arm.
    """
    level = metrics.chance(section.task, section.task.primary)
    if level is None:
        return ()
    outside = {arm for arm in section.arms if any(_is_from_file(run) for run in section.of(arm))}
    below = frame[frame["arm"].isin(outside) & (frame["high"] < level)]["arm"]
    chance = number(level, decimals(section.metric))
    what = "columns of the classes" if section.task.classes else "sign of the numbers"
    return tuple(
        f"{arm}: worse than chance ({chance}) with its whole interval, so the {what} may be exchanged in its file."
        " Check them, and score the file again."
        for arm in below
    )


def _is_from_file(run: object) -> bool:
    return run.done and "outside" in run.record.resolved
