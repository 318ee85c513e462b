"""What is needed to repeat a study: code, data, commands, seeds, and how to get the weights."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from bench.core import Record
from bench.core.outside_arm import is_outside
from bench.core.study_plan import StudyPlan
from bench.data.prepare_command import prepare_command
from bench.report.protected_names import data_sets_of, pretraining_sets_of
from bench.report.tables import Results, captions
from bench.report.tables.number_format import clean, listed, plural
from bench.storage import provenance


@dataclass(frozen=True)
class Repeat:
    """How to repeat a study. commands: lines of a shell, in order. facts: (name, words)."""

    commands: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]


def repeat(results: Results) -> Repeat:
    """Everything except the scans themselves."""
    plan = results.plan
    facts = [
        ("Code", _counted([provenance.format_code_version(record.provenance) for record in results.records])),
        ("Environment", environment(results.records)),
        ("Design", f"{captions.grid(plan)}; the runs of a fold and a seed share their split and their random numbers"),
        ("Seeds", _seeds(plan)),
        ("Recipe", captions.budget(plan).removeprefix("Recipe: ")),
        ("Protocol", f"version {plan.protocol}"),
        *((f"Fingerprint of {name}", mark) for name, mark in fingerprints(results).items()),
        ("Weights", weights(results)),
        ("Records", "manifest.json has the key and the checksum of every run, and the checksums of the splits"),
    ]
    return Repeat(tuple(_commands(results)), tuple((name, words) for name, words in facts if words))


def _commands(results: Results) -> list[str]:
    plan, lines = results.plan, []
    known = {record.provenance["code"]["commit"] for record in results.records if record.provenance.get("code")} - {
        None
    }
    if len(known) == 1:
        lines.append(f"git checkout {known.pop()[:12]}")
    for section in (section for section in results.sections if not section.phantom):
        for name, params in (*data_sets_of(section.data), *pretraining_sets_of(section.data)):
            lines.append(prepare_command(name, params))
    lines += [clean(plan.command), f"bench report --study {shlex.quote(plan.study)}"]
    return list(dict.fromkeys(line for line in lines if line))


def _seeds(plan: StudyPlan) -> str:
    last = plan.seeds - 1
    text = "seed 0" if last == 0 else f"seeds 0 to {last}"
    if plan.again:
        text += f"; for the A/A control {plan.seeds} to {2 * plan.seeds - 1}"
    return f"{text}; every random number follows from data, partition, fold, seed and purpose, not from the method"


def fingerprints(results: Results) -> dict[str, str]:
    """name -> fingerprint of every prepared data set."""
    marks = {}
    for section in results.sections:
        own, *other = data_sets_of(section.data)
        marks[own[0]] = section.data.fingerprint or ""
        for name, _ in other:
            marks[name] = section.data.external.data.fingerprint
        marks |= {spec.name: spec.fingerprint for spec in section.data.pretraining if spec.name not in marks}
    return {name: mark for name, mark in marks.items() if mark}


def environment(records: Sequence[Record]) -> str:
    """Versions and machines of the records, every value that occurs."""
    words = []
    for name, title in (
        ("bench", "dclse-bench"), ("python", "Python"), ("torch", "torch"), ("numpy", "numpy"), ("system", ""),
        ("processor", "on"),
    ):  # fmt: skip
        values = sorted({clean(str(each.provenance[name])) for each in records if each.provenance.get(name)})
        if values:
            words.append(f"{title} {listed(values)}".strip())
    return ", ".join(words)


def weights(results: Results) -> str:
    """How many runs have saved weights, and the command that saves them if some have none."""
    done = [record for record in results.records if record.status == "done" and not is_outside(record.trial)]
    kept = sum("weights.safetensors" in record.files for record in done)
    if not done:
        return ""
    if kept == len(done):
        return "kept of every finished run"
    text = f"kept of {kept} of {plural(len(done), 'finished run')}" if kept else "not kept"
    command = clean(results.plan.command or f"bench run --study {shlex.quote(results.name)}")
    keep = command if "--keep-weights" in command else f"{command} --keep-weights"
    return f"{text}; `BENCH_RESULTS=ANOTHER_FOLDER {keep}` trains the runs again there and saves their weights"


def _counted(ways: Sequence[str]) -> str:
    """`commit a`, or `commit a (12 runs) and commit b (3 runs)`."""
    counts = {way: ways.count(way) for way in sorted(set(ways))}
    if len(counts) < 2:
        return next(iter(counts), "")
    return listed([f"{way} ({plural(count, 'run')})" for way, count in counts.items()])
