"""The figures of a report, as far as there is something to draw: what is told of each, and their files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.report.drawings import DRAWINGS
from bench.tables import Frames

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """A figure of a part. of: the name of the table it belongs to; stem: of its files; caption: what it shows."""

    of: str
    stem: str
    alt: str
    caption: str = ""
    made: Callable[[], Figure] | None = field(default=None, repr=False, compare=False)


def pictures(found: Frames) -> tuple[Picture, ...]:
    """The figures of a section: none where there is nothing to draw."""
    section = found.section
    drawn = []
    for each in DRAWINGS:
        data = each.data(found)
        if data is None or not len(data):
            continue
        alt = each.alt.format(data=f"{section.name} ({section.kind})")
        made = partial(each.draw, found, data)
        drawn.append(Picture(each.of, f"{section.name}-{each.name}", alt, each.caption(found, data), made))
    return tuple(drawn)


def draw(drawn: Iterable[Picture], folder: Path) -> None:
    """The figures anew; those of data sets that the study has no more, and half a file of a killed process, go."""
    from bench import figures

    kept: set[Path] = set()
    for picture in drawn:
        kept.update(figures.save(picture.made(), folder, picture.stem))
    folder.mkdir(parents=True, exist_ok=True)
    for path in set(folder.iterdir()) - kept:
        path.unlink()
