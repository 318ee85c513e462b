"""Map the labels of a table to classes; a label that is not in the map is an error and never a default.

label_index(text, ("control", "patient"), place)                      # names of the classes, in their order
label_index(text, {"0": 0, "0.5": 1, "1": 1}, place, left_out=("n/a",))  # several labels of one class
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping, Sequence

from bench.core import BenchError
from bench.core.printable_text import printable
from bench.data.readers.omissions import log_label

NOTHING = "n/a"  # how a missing value is listed among the labels


def label_index(
    text: str | None, known: Sequence[str] | Mapping[str, int], place: str, left_out: Sequence[str] = ()
) -> int | None:
    """Return the class index of a label, or None if the label is one of `left_out`.

    Parameters
    ----------
    text : str or None
        Label in the table; None if the value is missing.
    known : sequence of str, or mapping of str to int
        Labels in the order of the class indices, or each label with its class index. Case, spaces and dashes count; a
        number may be written in any way, as 1 or 1.0.
    place : str
        Table, row and column, for messages.
    left_out : sequence of str
        Labels of scans that do not take part. `n/a` stands for missing values.

    Returns
    -------
    int or None
        Class index; None if the scan does not take part.

    Raises
    ------
    BenchError
        If the label is neither known nor left out; the message names the place and the known labels.
    """
    indices = dict(known) if isinstance(known, Mapping) else {label: index for index, label in enumerate(known)}
    if text is None:
        if NOTHING in left_out:
            return None
        raise BenchError(f"{place} is missing; {_remedy(None, indices)}")
    label = text if text in indices or text in left_out else _as_number(text)
    if label in indices:
        log_label(text)
        return indices[label]
    if label in left_out:
        return None
    raise BenchError(f"{place} is {quote_label(text)}; {_remedy(text, indices)}")


def quote_label(text: str) -> str:
    """The text in quotes, invisible signs as their codes."""
    return f"'{printable(text[:40])}'"


def comparable_label(text: str) -> str:
    """The letters and digits of a text in lower case: equal for labels that differ only in how they are written."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).casefold() if sign.isalnum())


def _remedy(text: str | None, indices: Mapping[str, int]) -> str:
    labels = {comparable_label(label): label for label in indices}
    near = difflib.get_close_matches(comparable_label(text), labels, n=1, cutoff=0.75) if text else []
    guess = f" (did you mean {labels[near[0]]}?)" if near else ""
    word = quote_label(NOTHING if text is None else text)
    names = ", ".join(indices)
    return f"known labels: {names}{guess}; correct the table, or leave such scans out with left_out=({word},)"


def _as_number(text: str) -> str:
    """`1` for 1.0 and 01; other texts unchanged."""
    try:
        return text if "_" in text else f"{float(text):g}"
    except ValueError:
        return text
