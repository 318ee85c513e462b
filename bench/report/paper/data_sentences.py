"""Data and splits of a study in sentences: cards, people, preparation, exclusions, folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.report.paper.paper_content import PaperContent, sentences_of, sets_of
from bench.report.tables import SectionTables, captions
from bench.report.tables.number_format import TIMES, listed, plural
from bench.storage.machine_names import hide_machine


def data_facts(content: PaperContent, name: str) -> Mapping[str, str]:
    """Name of a fact -> words, of the card of a data set."""
    card = content.card("datasets", name)
    return dict(card.facts) if card else {}


def sources(content: PaperContent, found: SectionTables) -> list[str]:
    """Title, source and citation of each data set of a section."""
    sentences = []
    for name in sets_of(found):
        card, facts = content.card("datasets", name), data_facts(content, name)
        title = card.title.rstrip(".") if card and card.title else name
        sentences.append(f"{title} (`{name}`) {content.of_member('datasets', name)}".strip() + ".")
        if facts.get("Source"):
            sentences.append(f"Source: {sentences_of(facts['Source'])[0].rstrip('.')}.")
    return sentences


def licences(content: PaperContent, found: SectionTables) -> list[str]:
    """The terms of each data set of a section."""
    terms = [(name, data_facts(content, name).get("Licence", "")) for name in sets_of(found)]
    return [f"Terms of `{name}`: {sentences_of(words)[0].rstrip('.')}." for name, words in terms if words]


def people(content: PaperContent, found: SectionTables) -> str:
    """How many scans of how many people, and scans of each class where that is known here."""
    section = found.section
    scans, groups = section.counted()
    if scans is None:
        return ""
    counts = content.prepared[section.data.set_name].counts if section.data.set_name in content.prepared else {}
    whole = counts.get("samples") == scans  # else the study uses a part of the people
    classes = [f"{counts[each]:,} of {each}" for each in section.task.classes if whole and each in counts]
    of_classes = f"; scans by class: {', '.join(classes)}" if classes else ""
    return f"{plural(scans, 'scan')} of {plural(groups, 'person', 'people')}{of_classes}."


def task(found: SectionTables) -> str:
    """What is predicted."""
    section = found.section
    task_of = section.task
    words = f" of {listed(task_of.classes)}" if task_of.classes else f" in {task_of.unit}" if task_of.unit else ""
    return f"Task: {task_of.kind}{words}."


def preparation(content: PaperContent, found: SectionTables) -> list[str]:
    """The size of the prepared scans, and what was done to them."""
    entry = found.section.data
    sentences = [f"Scans were prepared as {f' {TIMES} '.join(map(str, entry.shape))}."] if entry.shape else []
    for name in sets_of(found):
        summary = content.prepared.get(name)
        if summary and summary.steps:
            of = f" of `{name}`" if len(sets_of(found)) > 1 else ""
            sentences.append(f"Preparation{of}: " + "; ".join(f"{k}: {v}" for k, v in summary.steps.items()) + ".")
    return sentences


def exclusions(content: PaperContent, found: SectionTables, names: Sequence[str] = ()) -> list[str]:
    """What was left out, merged or changed, as plan and preparation say. names: of data sets; else all of a section."""
    names = names or sets_of(found)
    starts = tuple(f"{name}: " for name in names)
    notes = [hide_machine(note) for note in content.results.plan.notes if note.startswith(starts)]
    for name in names:
        if name in content.prepared:
            notes += [f"{name}: {note}" for note in content.prepared[name].exclusions]
    return [f"{note.rstrip('.')}." for note in dict.fromkeys(notes)]


def covariates(content: PaperContent, found: SectionTables) -> list[tuple[str, str, str]]:
    """(name, scans with a value, distribution) of the covariates of a data set that is prepared here."""
    summary = content.prepared.get(found.section.data.set_name)
    if summary is None:
        return []
    total = summary.counts.get("samples", 0)
    return [(name, f"{known} of {total}", words) for name, known, words in summary.covariates]


def sizes(content: PaperContent, found: SectionTables) -> str:
    """The scans of the parts, from the fewest to the most over the folds."""
    rows = [row for row in content.manifest["splits"] if row["data"] == found.section.name]
    words = []
    for part, title in (("train", "training"), ("val", "validation"), ("test", "test")):
        counts = [row[part] for row in rows if row[part] is not None]
        if counts:
            low, high = min(counts), max(counts)
            words.append(f"{low if low == high else f'{low} to {high}'} for {title}")
    return f"Scans in a fold: {', '.join(words)}." if words else ""


def splits(content: PaperContent, found: SectionTables) -> list[str]:
    """How people are divided into parts."""
    section, plan = found.section, content.results.plan
    division = captions.division(section).strip()
    sentences = []
    if section.data.split == "kfold":
        folds = f"{plural(section.folds, 'fold')}, repeated in {plural(section.partitions, 'partition')}"
        sentences.append(
            f"Cross-validation: {folds}, with {plural(plan.seeds, 'seed')}. People are divided, never scans: all scans"
            " of a person, as far as the data name people, and scans that belong together are in one part."
        )
    sentences += [division, sizes(content, found)]
    sentences.append("The runs of a fold and a seed share their split." if plan.trains else "")
    return [sentence for sentence in sentences if sentence]


def per_section(content: PaperContent, sentences: Sequence[tuple[SectionTables, str]]) -> str:
    """Sentences of several data sets as one text, each with the name of its data set if there are several."""
    many = len(content.tables) > 1
    parts = [f"{found.section.name}: {words}" if many else words for found, words in sentences if words]
    return " ".join(dict.fromkeys(parts))
