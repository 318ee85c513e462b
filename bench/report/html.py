"""Self-contained HTML pages: style, script, figures and downloads are inside, and the page loads nothing.

A page also works without its script, which only sorts and filters tables; its content security policy allows no more.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bench.report.appendix import TITLES
from bench.report.context import ReportContext, SectionContext
from bench.report.page_figures import page_figures
from bench.report.tables import Table, latex, markdown
from bench.report.text_formats import table_as_csv

SHOWN = ("splits", "effects", "cost")  # tables that are shown whole below the scores and the comparisons
FOLDED = {"scores": "All metrics", "contrasts": "Comparisons with all tests"}  # titles of tables that are folded away
ROWS = 500  # of a table on the page
FILE, FILES = 400_000, 2_500_000  # bytes of one download inside the page, and of all of them
TYPES = {".csv": "text/csv", ".md": "text/markdown", ".tex": "application/x-tex", ".json": "application/json"}
ABOUT = {
    "report.md": "the whole report in Markdown",
    "tables.tex": "every table in LaTeX, for booktabs",
    "manifest.json": "what it all rests on: checksums of data, splits, code, environment and records",
}  # fmt: skip


@dataclass(frozen=True)
class Link:
    """A download. href: a data URI; empty if the file is too large to be part of the page."""

    name: str
    title: str
    href: str


@dataclass(frozen=True)
class HtmlTable:
    """A table of a page. id: unique in the page; words: the columns that hold words and not numbers."""

    id: str
    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str
    notes: tuple[str, ...]
    words: tuple[int, ...]
    links: tuple[Link, ...]
    label: str = ""  # for readers who do not see it; unique in the page


def as_html(facts: ReportContext, figures: Path, files: Mapping[str, str]) -> str:
    """The page of a report. figures: the folder of the saved figures. files: name -> text of the files to download."""
    across = [html_table(table, f"across-{table.name}", facts.study) for table in facts.across]
    pictures = [*(one for part in facts.parts for one in part.figures), *facts.figures_over_data_sets]
    return render(
        "report.html",
        facts=facts,
        real=any(not part.phantom for part in facts.parts),
        study_tables=[html_table(table, table.name, facts.study) for table in facts.study_tables],
        parts=[_part(facts, part) for part in facts.parts],
        across=across,
        failures=list(_failures(facts)),
        titles=list(TITLES.items()),
        drawings=page_figures(pictures, figures),
        downloads=downloads(files, facts.csv_files),
    )


def render(template: str, **values: Any) -> str:
    """A template of `bench/templates` filled with its values, and with style, script and the script's checksum."""
    engine = _engine()
    script = engine.loader.get_source(engine, "report.js")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    style = engine.loader.get_source(engine, "page.css")[0]
    allowed = Markup(f"sha256-{digest}")
    return engine.get_template(template).render(
        style=Markup(style), script=Markup(script), script_hash=allowed, **values
    )


@cache
def _engine() -> Environment:
    return Environment(
        loader=PackageLoader("bench", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def html_table(table: Table, name: str, heading: str) -> HtmlTable:
    """A table with its downloads; of a very long one the first rows. name: its id, unique in the page."""
    notes = table.notes
    if left := len(table.rows) - ROWS:
        notes = (*notes, f"{left:,} more rows are in the files beside this page.") if left > 0 else notes
    short = replace(table, rows=table.rows[:ROWS])
    texts = {
        "csv": ("CSV", table_as_csv(short)),
        "tex": ("LaTeX", latex(short, f"tab:{name}", heading) + "\n"),
        "md": ("Markdown", markdown(short) + "\n"),
    }
    links = tuple(Link(f"{name}.{end}", title, _packed(f".{end}", text)) for end, (title, text) in texts.items())
    links = links if table.rows else ()
    label = f"{table.title}: {heading}"
    return HtmlTable(
        name, table.name, table.title, table.columns, short.rows, table.caption, notes, table.words, links, label
    )


def _part(facts: ReportContext, part: SectionContext) -> dict[str, Any]:
    tables = [table for table in part.tables if table.name != "failures"]
    names = {table.name for table in tables}
    blocks = [
        {
            "table": html_table(table, f"{part.name}-{table.name}", part.heading),
            "pictures": [picture for picture in part.figures if picture.table == table.name],
        }
        for table in tables
    ]
    rest = [picture for picture in part.figures if picture.table not in names]
    first, compared = (html_table(table, f"{part.name}-{table.name}", part.heading) for table in part.front)
    by_name = {block["table"].name: block for block in blocks}
    return {
        "heading": part.heading,
        "phantom": part.phantom,
        "cautions": _cautions(facts, part),
        "answers": part.answers,
        "scores": _without_links(first),
        "score_figure": next((each for each in part.figures if each.stem == f"{part.name}-scores"), None),
        "compared": _without_links(compared) if compared.rows else None,
        "compared_figures": by_name.get("contrasts", {}).get("pictures", []),
        "shown": [by_name[name] for name in SHOWN if name in by_name],
        "folded": [_folded(part, block) for block in blocks if block["table"].name not in SHOWN],
        "rest": rest,
    }


def _folded(part: SectionContext, block: dict[str, Any]) -> dict[str, Any]:
    """A table that is folded away, without the figures that the front of its section has."""
    name = block["table"].name
    front = (f"{part.name}-scores",) if name == "scores" else ()
    pictures = [] if name == "contrasts" else [each for each in block["pictures"] if each.stem not in front]
    return {**block, "pictures": pictures, "title": FOLDED.get(name, block["table"].title)}


def _without_links(table: HtmlTable) -> HtmlTable:
    """A table without downloads: the full one has them."""
    return replace(table, links=())


def _cautions(facts: ReportContext, part: SectionContext) -> tuple[str, ...]:
    """The cautions of a section that neither the answer at the head of the page nor an earlier section has."""
    phantoms_only = all(each.phantom for each in facts.parts)
    before = facts.parts[: [each.name for each in facts.parts].index(part.name)]
    seen = {caution for earlier in before for caution in earlier.cautions}
    return tuple(
        each for each in part.cautions if each not in seen and not (phantoms_only and each.startswith("Phantom: "))
    )


def _failures(facts: ReportContext) -> Iterable[dict[str, Any]]:
    for part in facts.parts:
        for table in part.tables:
            if table.name == "failures":
                yield {"heading": part.heading, "table": html_table(table, f"{part.name}-failures", part.heading)}


def downloads(files: Mapping[str, str], csv_files: Mapping[str, str]) -> list[Link]:
    """A link for every file. The page embeds files from the smallest on; a file that does not fit has no href."""
    left, links = FILES, {}
    for name, text in sorted(files.items(), key=lambda item: len(item[1])):
        size = len(text.encode())
        fits = size <= min(FILE, left)
        left -= size if fits else 0
        stem = name.removesuffix("_phantom.csv").removesuffix(".csv")
        title = ABOUT.get(name) or csv_files.get(stem, "")
        title += ", on phantoms" if name.endswith("_phantom.csv") else ""
        href = _packed(Path(name).suffix, text) if fits else ""
        links[name] = Link(name, title if fits else f"{title}; {_size(size)}, beside this page", href)
    return [links[name] for name in files]


def _packed(end: str, text: str) -> str:
    return f"data:{TYPES[end]};charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"
