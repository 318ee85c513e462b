"""The blocks of a document, and their Markdown: headings, paragraphs, lists and tables, with citations of Pandoc."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bench.report.tables import prose

_BEGIN, _END = "\ue000", "\ue001"  # around the keys of a citation, until the Markdown is made
_CITED = re.compile(f"{_BEGIN}([^{_END}]*){_END}")


@dataclass(frozen=True)
class Block:
    """A block of a document. level: of a heading, else 0. rows: of a table, the first one its header."""

    text: str = ""
    level: int = 0
    items: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def heading(text: str, level: int = 2) -> Block:
    """A heading; level 1 is the title."""
    return Block(text, level)


def paragraph(sentences: str | Iterable[str]) -> Block:
    """Sentences as a paragraph; empty ones are left out."""
    parts = [sentences] if isinstance(sentences, str) else sentences
    return Block(" ".join(part for part in parts if part))


def bullets(items: Iterable[str]) -> Block:
    """A list; empty items are left out."""
    return Block(items=tuple(item for item in items if item))


def grid(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Block:
    """A table with a header."""
    return Block(rows=(tuple(columns), *(tuple(row) for row in rows)))


def citation(keys: Iterable[str]) -> str:
    """A mark that becomes a citation of these keys; empty without keys."""
    keys = tuple(keys)
    return f"{_BEGIN}{' '.join(keys)}{_END}" if keys else ""


def cited_keys(blocks: Iterable[Block]) -> list[str]:
    """The keys that blocks cite, in their order."""
    texts = [text for block in blocks for text in (block.text, *block.items, *(w for row in block.rows for w in row))]
    return list(dict.fromkeys(key for text in texts for keys in _CITED.findall(text) for key in keys.split()))


def as_markdown(blocks: Iterable[Block], tidy: Callable[[str], str]) -> str:
    """The Markdown of blocks. tidy: removes what no file may show from a text."""

    def words(text: str) -> str:
        return _CITED.sub(_pandoc, prose(tidy(text)))

    parts = []
    for block in blocks:
        if block.level:
            parts.append(f"{'#' * block.level} {words(block.text)}")
        elif block.items:
            parts.append("\n".join(f"- {words(item)}" for item in block.items))
        elif block.rows:
            header, *rows = [[words(cell).replace("|", "\\|") for cell in row] for row in block.rows]
            lines = [header, ["---"] * len(header), *rows]
            parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
        elif block.text:
            parts.append(words(block.text))
    return "\n\n".join(parts) + "\n"


def _pandoc(match: re.Match[str]) -> str:
    return f"[{'; '.join(f'@{key}' for key in match[1].split())}]"
