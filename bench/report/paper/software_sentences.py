"""Runs, versions and machines of a study in sentences, and the commands that repeat it."""

from __future__ import annotations

from bench.report.conclusions import run_so_far
from bench.report.paper.paper_content import PaperContent, package_versions
from bench.report.reproducibility import repeat
from bench.report.tables.number_format import listed, plural

RAN = {"bench": "dclse-bench", "python": "Python", "torch": "PyTorch", "numpy": "NumPy"}  # of which records tell


def run_sentences(content: PaperContent) -> list[str]:
    """How many runs were planned, done, failed, refused and missing."""
    state = content.manifest["state"]
    sentences = [run_so_far(content.results)]
    if state["open"]:
        sentences.append(f"Without a record, and not filled in: {plural(state['open'], 'run')}.")
    return sentences


def software(content: PaperContent) -> list[str]:
    """Every package with its versions and citation, the version of the code, and the machines."""
    ran = [_package(content, name) for name in RAN if name in package_versions(content.manifest)]
    made = [_package(content, name) for name in content.manifest["environment"]["report"] if name not in RAN]
    sentences = [f"The runs used {listed(ran)}." if ran else "", f"The tables were made with {listed(made)}."]
    return [each for each in (*sentences, *code(content), *machines(content)) if each]


def _package(content: PaperContent, name: str) -> str:
    versions = ", ".join(package_versions(content.manifest)[name])
    return f"{RAN.get(name, name)} {versions} {content.of_package(name)}".strip()


def code(content: PaperContent) -> list[str]:
    """The versions of the code that made the records."""
    known = []
    for entry in content.manifest["code"]["records"]:
        mark = f"commit {entry['commit'][:12]}" if entry["commit"] else ""
        changed = " with changed files" if entry["changed"] else ""
        sources = f"checksum of the sources {entry['sources']}" if entry["sources"] else ""
        if words := ", ".join(word for word in (f"{mark}{changed}" if mark else "", sources) if word):
            known.append(f"{words} ({plural(entry['records'], 'record')})")
    return [f"Code: {listed(known)}."] if known else []


def machines(content: PaperContent) -> list[str]:
    """The systems and processors that made the records."""
    entries = content.manifest["environment"]["records"]
    known = [
        ", ".join(word for word in (entry["system"], entry["processor"], entry["device"]) if word) for entry in entries
    ]
    known = list(dict.fromkeys(word for word in known if word))
    return [f"Machines: {'; '.join(known)}."] if known else []


def commands(content: PaperContent) -> tuple[str, ...]:
    """The commands that repeat the study."""
    return repeat(content.results).commands


def weights(content: PaperContent) -> str:
    """Whether weights of the trained networks were kept."""
    return dict(repeat(content.results).facts).get("Weights", "")
