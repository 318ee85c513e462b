"""Everything that a report says, gathered once for all its forms."""

from __future__ import annotations

from dataclasses import dataclass

from bench.report.answers import answers, cautions, run_so_far
from bench.tables import Frames, Results, Table, arms, captions, laid_out
from bench.tables.text import clean, listed

READING = (
    "A score's bracket says how sure the score of these trained models is on new people. It says nothing about other "
    "trainings of the same methods, and whether two brackets overlap decides nothing.",
    "A claim about methods rests on a contrast: differences of two arms fold by fold, on the same scans, with a test "
    "that allows for the overlap of the training parts, corrected over all declared contrasts.",
    "No difference shown is not the same as no difference: the smallest difference that the test could well have "
    "found stands beside it. Equivalence is claimed only within a margin that was declared beforehand.",
    "Floors are methods that anybody can beat who has found something. A/A compares a method with itself. Random "
    "labels hold nothing to be learnt: a method that learns from them has seen what it should not.",
    "Choosing the evaluation point on the test part flatters every method. The audit shows by how much; the results "
    "do not do it.",
    "A run that failed, was refused or has not been done stays missing. A mean with a dagger lacks some of its runs.",
    "Phantoms are made by a program. They show that a study works, and nothing about brains.",
)


@dataclass(frozen=True)
class Picture:
    """A figure of a part. of: the name of the table it belongs to; stem: of its files."""

    of: str
    stem: str
    alt: str


@dataclass(frozen=True)
class Part:
    """One data set in the report."""

    name: str
    heading: str
    phantom: bool
    cautions: tuple[str, ...]
    answers: tuple[str, ...]
    tables: tuple[Table, ...]
    figures: tuple[Picture, ...]


@dataclass(frozen=True)
class Facts:
    """The report without a form."""

    study: str
    question: str
    run: tuple[tuple[str, str], ...]  # name -> what was run
    notes: tuple[str, ...]
    arms: Table
    parts: tuple[Part, ...]
    reading: tuple[str, ...] = READING


def gather(results: Results, found: list[Frames]) -> Facts:
    """All facts of a study as far as it has come."""
    plan = results.plan
    ids = set().union(*(frames.section.people for frames in found))
    notes = tuple(clean(note, ids) for note in (*plan.get("notes", ()), *_damaged(results)))
    parts = tuple(_part(results, frames) for frames in found)
    return Facts(plan["study"], plan["question"], tuple(_run(results)), notes, arms(results), parts)


def _damaged(results: Results) -> list[str]:
    if not results.damaged:
        return []
    names = listed(sorted(results.damaged)[:3]) + (", ..." if len(results.damaged) > 3 else "")
    again = "They count as not done; the study's command sets them aside and runs them again."
    return [f"{len(results.damaged)} records are not what was written ({names}). {again}"]


def _part(results: Results, found: Frames) -> Part:
    section = found.section
    return Part(
        section.name,
        captions.heading(section),
        section.phantom,
        tuple(cautions(found)),
        tuple(answers(found)),
        tuple(laid_out(results, found)),
        pictures(found),
    )


def pictures(found: Frames) -> tuple[Picture, ...]:
    """The figures of a section: none where there is nothing to draw."""
    name, kind = found.section.name, found.section.kind
    names = ["scores", *(one for one in ("contrasts", "effects") if len(getattr(found, one)))]
    told = f"on {name} ({kind}) with their intervals; the numbers are in the table."
    drawn = [Picture(one, f"{name}-{one}", f"{one.capitalize()} {told}") for one in names]
    if interacting(found):
        said = f"Mean scores on {name} ({kind}) at the levels of the factors of every declared interaction."
        drawn.append(Picture("effects", f"{name}-interactions", said))
    if len(found.stress):
        said = f"Mean scores on {name} ({kind}) over the strengths of every corruption of the scans."
        drawn.append(Picture("stress", f"{name}-stress", said))
    return tuple(drawn)


def interacting(found: Frames) -> bool:
    """Whether there are interactions to draw."""
    return len(found.effects) > 0 and bool((found.effects["effect"] == "interaction").any())


def _run(results: Results) -> list[tuple[str, str]]:
    plan = results.plan
    facts = [("Command", clean(plan.get("command", "")))]
    facts += [("Data", captions.data(section).removeprefix("Data: ")) for section in results.sections]
    facts += [
        ("Design", captions.grid(plan)),
        ("Recipe", captions.budget(plan["recipe"]).removeprefix("Recipe: ")),
        ("Selection", captions.selection(results.sections[0]).removeprefix("Evaluation point: ")),
        ("Protocol", f"version {plan['protocol']}"),
        ("State", run_so_far(results)),
        ("Versions", _versions(results)),
    ]
    return [(name, value) for name, value in facts if value]


def _versions(results: Results) -> str:
    words = []
    for name, title in (
        ("bench", "dclse-bench"), ("python", "Python"), ("torch", "torch"), ("numpy", "numpy"), ("system", ""),
        ("processor", "on"),
    ):  # fmt: skip
        values = sorted({str(record.provenance[name]) for record in results.records if record.provenance.get(name)})
        if values:
            words.append(f"{title} {listed(values)}".strip())
    return ", ".join(words)
