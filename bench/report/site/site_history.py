"""The file with the last state of every study and all changes so far: `site.json` beside the pages."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.core import BenchError
from bench.report.site.state_changes import Change, States, changes
from bench.report.site.study_state import as_timestamp

FILE = "site.json"
SCHEMA = "dclse-bench/site/1"


@dataclass(frozen=True)
class SiteHistory:
    """The states of all studies and the changes so far.

    Attributes
    ----------
    id : str
        A UUID, drawn when the site is first built.
    began : str
        When that was.
    studies : mapping of str to mapping
        Study -> its last state.
    history : tuple of Change
        Oldest first.
    """

    id: str
    began: str
    studies: States
    history: tuple[Change, ...] = ()

    def as_json(self) -> str:
        """The text of the file.

        Returns
        -------
        str
            JSON.
        """
        entry: dict[str, Any] = {"schema": SCHEMA, "id": self.id, "began": self.began, "studies": self.studies}
        entry["history"] = [asdict(change) for change in self.history]
        return json.dumps(entry, indent=1, ensure_ascii=False) + "\n"


def read_history(root: Path) -> SiteHistory | None:
    """What was known when the site was last built.

    Parameters
    ----------
    root : Path
        Of the results.

    Returns
    -------
    SiteHistory or None
        None if the site was never built.

    Raises
    ------
    BenchError
        If the file cannot be read.
    """
    path = Path(root) / FILE
    try:
        entry = json.loads(path.read_text("utf-8"))
        history = tuple(Change(**change) for change in entry["history"])
        return SiteHistory(str(uuid.UUID(entry["id"])), entry["began"], entry["studies"], history)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchError(f"{path} cannot be read: {error}. Delete it: the feed of changes then begins again") from error


def updated(last: SiteHistory | None, now: States, since: States | None = None) -> SiteHistory:
    """The history with what has changed.

    Parameters
    ----------
    last : SiteHistory or None
        What was known before; None: nothing.
    now : mapping of str to mapping
        Study -> its state.
    since : mapping of str to mapping or None
        States of other results, made by an earlier version of the code; None: compare with the last ones.

    Returns
    -------
    SiteHistory
        Changes that are already there, of the same words, are not added again where `since` is given.
    """
    time = as_timestamp(datetime.now(UTC))
    last = last or SiteHistory(str(uuid.uuid4()), time, {})
    found = changes(last.studies if since is None else since, now)
    known = {(change.kind, change.study, change.text) for change in last.history} if since is not None else set()
    added = [change for change in found if (change.kind, change.study, change.text) not in known]
    timed = tuple(Change(**{**asdict(change), "time": time}) for change in added)
    return SiteHistory(last.id, last.began, dict(now), (*last.history, *timed))


def without_times(state: Mapping[str, Any]) -> dict[str, Any]:
    """A state without the date of its last trial, which is the only date in it.

    Parameters
    ----------
    state : mapping
        The state of a study.

    Returns
    -------
    dict
        The same, with an empty date.
    """
    return {**state, "date": ""}
