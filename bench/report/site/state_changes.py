"""What has changed in a study between two states: it is new, its verdict differs, other code has run its trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.report.tables.number_format import listed, plural

States = Mapping[str, Mapping[str, Any]]  # study -> its state
NEW, GONE, VERDICT, CODE, AGAIN = "new study", "study removed", "changed verdict", "other code", "other scores"
ROUNDING = 1e-9  # scores nearer than this are the same


@dataclass(frozen=True)
class Change:
    """A change of a study.

    Attributes
    ----------
    kind : str
        `NEW`, `GONE`, `VERDICT`, `CODE` or `AGAIN`.
    study : str
        Name of the study.
    text : str
        What changed, in sentences.
    time : str
        When it was seen, as RFC 3339 writes it.
    """

    kind: str
    study: str
    text: str
    time: str = ""

    @property
    def title(self) -> str:
        """`oasis_sex: changed verdict`.

        Returns
        -------
        str
            The study and the kind of the change.
        """
        return f"{self.study}: {self.kind}"


def changes(before: States, after: States) -> list[Change]:
    """The changes of all studies.

    Parameters
    ----------
    before, after : mapping of str to mapping
        Study -> its state (`study_state`).

    Returns
    -------
    list of Change
        By study; removed studies last.
    """
    found = [change for study in sorted(after) for change in _of_study(study, before.get(study), after[study])]
    return found + [Change(GONE, study, "Its plan is no longer here.") for study in sorted(set(before) - set(after))]


def _of_study(study: str, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[Change]:
    if before is None:
        return [Change(NEW, study, _sentences([after["question"], *after["verdict"], f"{after['state']}"]))]
    found = []
    if before["verdict"] != after["verdict"]:
        found.append(
            Change(VERDICT, study, f"Now: {_sentences(after['verdict'])} Before: {_sentences(before['verdict'])}")
        )
    return found + _rerun(study, before["trials"], after["trials"])


def _sentences(texts: Sequence[str]) -> str:
    return " ".join(text if text[-1] in ".?!" else f"{text}." for text in texts if text)


def _rerun(study: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """The trials of the same key that another version of the code has run, and those that the same code has."""
    shared = [(before[key], after[key]) for key in after if key in before and before[key] != after[key]]
    other = [pair for pair in shared if pair[0]["code"] != pair[1]["code"]]
    same = [pair for pair in shared if pair[0]["code"] == pair[1]["code"]]
    found = []
    if other:
        versions = [listed(sorted({pair[at]["code"] for pair in other})) for at in (0, 1)]
        words = f"{plural(len(other), 'trial')} of the same key by other code: {versions[0]} before, {versions[1]} now."
        found.append(Change(CODE, study, f"{words} {_differing(other)}"))
    if same:
        words = f"{plural(len(same), 'trial')} of the same key were run again by the same code."
        found.append(Change(AGAIN, study, f"{words} {_differing(same)}"))
    return found


def _differing(pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> str:
    ends = sum(a["status"] != b["status"] for a, b in pairs)
    scored = [(a["score"], b["score"]) for a, b in pairs if None not in (a["score"], b["score"])]
    gaps = [abs(a - b) for a, b in scored if abs(a - b) > ROUNDING]
    all_scores = plural(len(scored), "score")
    alike = f"all {all_scores} are the same" if scored else "no score can be compared"
    words = [f"{len(gaps)} of {all_scores} differ, by at most {max(gaps):.3g}" if gaps else alike]
    words += [f"{plural(ends, 'trial')} ended otherwise (done, failed or refused)"] if ends else []
    text = "; ".join(words)
    return f"{text[0].upper()}{text[1:]}."
