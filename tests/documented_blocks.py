"""README and guide as tests read them: fenced blocks with the comment that states how each is tested, links, commands.

The line before each fence is a comment, one of

    run                   the block is run as it stands; exit status 0
    plan                  each `bench run` is planned with the same options
    plug-in               a file of the folder `plugins`, named in the paragraph before
    tested by: NAME       the test of that name runs the same with small data
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import bench

ROOT = Path(bench.__file__).parent.parent
GUIDE = ROOT / "bench" / "guide"
FENCE = re.compile(r"(?P<before>.*?)^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"<!-- ([^>]*) -->\n\Z")
FILE = re.compile(r"`plugins/(\w+\.py)`[^`]*\Z")
LINK = re.compile(r"\[([^\[\]]*)\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block. note: how it is tested; file: the plug-in file that it is, if it is one."""

    page: str
    line: int
    language: str
    note: str
    text: str
    file: str = ""

    @property
    def id(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def lines(self) -> list[str]:
        """The commands of a console block, without their remarks."""
        return [line for line in (re.sub(r"\s+#.*", "", each).strip() for each in self.text.splitlines()) if line]

    @property
    def commands(self) -> list[list[str]]:
        """The words of each `bench` command, without `bench`."""
        return [shlex.split(line)[1:] for line in self.lines if line.startswith("bench ")]


def pages() -> dict[str, str]:
    """Path in the repository -> text, of README and of all pages of the guide."""
    paths = [ROOT / "README.md", *sorted(GUIDE.glob("*.md"))]
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in paths}


@cache
def blocks(language: str = "") -> list[Block]:
    """All fenced blocks, or those of a language."""
    found = []
    for page, text in pages().items():
        for match in FENCE.finditer(text):
            line = text.count("\n", 0, match.start("language")) + 1
            note = COMMENT.search(match["before"])
            prose = match["before"][: note.start()] if note else match["before"]
            named = FILE.search(prose[-300:])
            words = (note[1] if note else "", match["text"], named[1] if named else "")
            found.append(Block(page, line, match["language"], *words))
    return [block for block in found if language in ("", block.language)]


def plug_ins() -> dict[str, str]:
    """File name -> text of every plug-in that the pages give whole."""
    return {block.file: block.text for block in blocks("python") if block.note == "plug-in"}


def mentioned() -> list[tuple[str, str]]:
    """(page, command) of every `bench ...` in running text and tables."""
    found = []
    for page, text in pages().items():
        prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
        spans = re.findall(r"`(bench [^`]+)`", prose.replace("\n", " "))
        found += [(page, span) for span in dict.fromkeys(spans)]
    return found


def links() -> list[tuple[str, str, str]]:
    """(page, text, target) of every link and picture."""
    return [(page, *link) for page, text in pages().items() for link in LINK.findall(text)]
