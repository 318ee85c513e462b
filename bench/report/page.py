"""The report as one page of HTML that needs nothing else: style and figures are inside, there are no scripts."""

from __future__ import annotations

import re
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bench.report.facts import Facts

_NAMED = re.compile(r'((?:\bid=")|(?:href="#)|(?:url\(#))([^")]+)')


def as_html(facts: Facts, figures: Path) -> str:
    """The page. figures: the folder with the SVG of every picture."""
    engine = Environment(
        loader=PackageLoader("bench", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = Markup(engine.loader.get_source(engine, "report.css")[0])
    drawings = {
        picture.stem: Markup(inline(figures / f"{picture.stem}.svg", picture.stem))
        for part in facts.parts
        for picture in part.figures
    }
    return engine.get_template("report.html").render(facts=facts, style=style, drawings=drawings)


def inline(path: Path, prefix: str) -> str:
    """The SVG element of a file, without prologue and metadata, its names made unlike those of other figures."""
    text = path.read_text()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = _NAMED.sub(lambda found: f"{found[1]}{prefix}-{found[2]}", text)
    opening, rest = text.split(">", 1)
    return re.sub(r' (?:width|height)="[^"]*"', "", opening) + ">" + rest
