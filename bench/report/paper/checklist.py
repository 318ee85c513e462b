"""A reporting checklist: items that a run fills, fills in part, or leaves to the authors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bench.report.paper.document_blocks import Block, citation, grid, heading, paragraph
from bench.report.paper.paper_content import PaperContent
from bench.report.tables.number_format import NOTHING

FILLED, PARTLY, OPEN = "filled", "filled in part", "open"
COLUMNS = ("Item", "What it asks", "State", "From the run", "For the authors")


@dataclass(frozen=True)
class Item:
    """An item of a checklist.

    Attributes
    ----------
    number : str
        Its number in the checklist.
    asks : str
        What it asks, in our own words.
    answer : callable, optional
        Gets the content of a paper and returns what the run knows; an empty text if it knows nothing.
    remains : str
        What is left for the authors even with an answer; empty if nothing is.
    """

    number: str
    asks: str
    answer: Callable[[PaperContent], str] | None = None
    remains: str = ""


def checklist_blocks(
    content: PaperContent, title: str, source: str, parts: Sequence[tuple[str, Sequence[Item]]]
) -> list[Block]:
    """The blocks of a checklist.

    Parameters
    ----------
    content : PaperContent
    title : str
        Title of the document.
    source : str
        Key of the work that the checklist is from.
    parts : sequence of (str, sequence of Item)
        Headings with their items.

    Returns
    -------
    list of Block
        The numbers of filled and open items, then a table for each part.
    """
    rows = {name: [_row(content, item) for item in items] for name, items in parts}
    states = Counter(row[2] for each in rows.values() for row in each)
    return [
        heading(title, 1),
        paragraph(f"{_counts(states)} Numbers are those of the checklist; the words are ours {citation([source])}."),
        paragraph("A filled item says what the run knows. Whether that is enough is for the authors to judge."),
        *_tables(rows),
    ]


def _counts(states: Counter[str]) -> str:
    return (
        f"{states.total()} items: {states[FILLED]} filled, {states[PARTLY]} filled in part,"
        f" {states[OPEN]} open for the authors."
    )


def _tables(rows: dict[str, list[tuple[str, ...]]]) -> Iterable[Block]:
    for name, each in rows.items():
        yield heading(name)
        yield grid(COLUMNS, each)


def _row(content: PaperContent, item: Item) -> tuple[str, ...]:
    answer = item.answer(content).strip() if item.answer else ""
    state = OPEN if not answer else PARTLY if item.remains else FILLED
    left = "all of it" if state == OPEN else item.remains or NOTHING
    return item.number, item.asks, state, answer or NOTHING, left
