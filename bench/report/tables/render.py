"""A table in Markdown and in LaTeX (booktabs)."""

from __future__ import annotations

from bench.report.tables.table import Table

_TEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "|": r"\textbar{}", "[": "{[}", "]": "{]}",
    "<": "$<$", ">": "$>$", "\u00a0": "~", "\u2212": "$-$", "\u2013": "--", "\u00b1": r"$\pm$", "\u00d7": r"$\times$",
    "\u00b2": "$^2$", "\u221e": r"$\infty$", "\u2020": r"$\dagger$", "\u2191": r"$\uparrow$",
    "\u2193": r"$\downarrow$", "\u2026": r"\ldots{}", "\u2265": r"$\geq$", "\u2264": r"$\leq$",
}  # fmt: skip


def markdown(table: Table) -> str:
    """A table of GitHub's Markdown with its caption and notes; a sentence if it has no rows."""
    if not table.rows:
        return "None."
    rule = ["---" if column in table.words else "---:" for column in range(len(table.columns))]
    lines = [_row(table.columns), _row(rule), *(_row(row) for row in table.rows)]
    return "\n".join(lines + [f"\n{prose(note)}" for note in table.notes] + [f"\n*{_escaped(table.caption)}*"])


def latex(table: Table, label: str, heading: str) -> str:
    """A floating table of LaTeX; needs booktabs and graphicx. Everything that LaTeX would read is escaped."""
    columns = "".join("l" if column in table.words else "r" for column in range(len(table.columns)))
    rows = [" & ".join(tex(word) for word in row) + r" \\" for row in table.rows]
    notes = [r"\par\smallskip{\footnotesize " + tex(note) + "}" for note in table.notes]
    lines = [
        r"\begin{table*}[tb]",
        r"\centering\small",
        rf"\caption{{{tex(heading)}: {tex(table.title.lower())}. {tex(table.caption)}}}",
        rf"\label{{{label}}}\par\smallskip",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        r"\toprule",
        " & ".join(tex(word) for word in table.columns) + r" \\",
        r"\midrule",
        *rows,
        r"\bottomrule",
        r"\end{tabular}}",
        *notes,
        r"\end{table*}",
    ]
    return "\n".join(lines)


def tex(text: str) -> str:
    """A text with everything escaped that LaTeX would read."""
    return "".join(_TEX.get(sign, sign) for sign in text)


def prose(text: str) -> str:
    """A sentence of a report in one line, without what Markdown would take for tags, links, pictures or emphasis.

    Words in backticks stay code.
    """
    parts = " ".join(text.split()).split("`")
    closed = len(parts) % 2 == 1  # else a name contains a backtick, and nothing is code
    found = [part if closed and at % 2 else _marked(part) for at, part in enumerate(parts)]
    return ("`" if closed else "\\`").join(found)


def _marked(text: str) -> str:
    for sign in "\\*<[":
        text = text.replace(sign, f"\\{sign}")
    return text


def _row(words: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(_escaped(word) for word in words) + " |"


def _escaped(text: str) -> str:
    for sign in "\\|*_`<":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("\n", " ")
