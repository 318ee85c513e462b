"""`bench guide`: the pages of the guide, listed or printed."""

from __future__ import annotations

import re
from importlib import resources
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from bench import registry
from bench.core import BenchError

COMMENT = re.compile(r"^<!--.*?-->\n", re.MULTILINE | re.DOTALL)  # how a test runs the block that follows
PAGE = re.compile(r"\[[^\[\]]+\]\((\w+)\.md\)")
PICTURE = re.compile(r"!\[([^\]]*)\]\((?:\.\./)*([^)]+)\)")
FILE = re.compile(r"\[([^\[\]]+)\]\(\.\./[^)]+\)")  # its text is its path in the repository


def guide(
    topic: Annotated[str, typer.Argument(help="Page to print; all pages are listed where omitted.")] = "",
) -> None:
    """List the pages of the guide, or print one of them (as Markdown when the output is piped)."""
    if not topic:
        for name in topics():
            print(f"{name:13} {summary(name)}")
        return
    console, text = Console(), page(topic)
    if console.is_terminal:
        console.print(Markdown(for_terminal(text), hyperlinks=False))
    else:
        print(text, end="")


def topics() -> list[str]:
    """The names of all pages, sorted."""
    pages = (resources.files("bench") / "guide").iterdir()
    return sorted(path.name.removesuffix(".md") for path in pages if path.name.endswith(".md"))


def page(topic: str) -> str:
    """The text of a page, in Markdown. BenchError with the nearest name if there is no such page."""
    if topic not in topics():
        raise BenchError(f"no page {topic!r} in the guide; {registry.did_you_mean(topic, topics())}")
    text = (resources.files("bench") / "guide" / f"{topic}.md").read_text(encoding="utf-8")
    return COMMENT.sub("", text)


def summary(topic: str) -> str:
    """The first line below the heading of a page."""
    return page(topic).split("\n\n", 2)[1].strip()


def for_terminal(text: str) -> str:
    """A page whose links can be read without following them: commands for pages, paths for files and pictures."""
    text = PAGE.sub(r"`bench guide \1`", text)
    return FILE.sub(r"`\1`", PICTURE.sub(r"(picture: `\2`)", text))


COMMAND = guide
PANEL = "Help"
