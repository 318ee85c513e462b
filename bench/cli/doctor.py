"""`bench doctor`: what this machine has, and what to mend."""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.console import Console

from bench.cli.options import Json, print_json

COLOURS = {"ok": "green", "caution": "yellow", "fault": "red"}


def doctor(as_json: Json = False) -> None:
    """Look at this machine: Python, packages, processors, memory, GPU, Ray, disk, data, plug-ins, what dead runs left.

    Nothing is changed. Exit status 1 if something would stop a study; cautions leave it at 0.
    """
    from bench.experiments.machine import examine_machine

    findings, console = [], Console()
    for finding in examine_machine():
        findings.append(finding)
        if not as_json:
            mark = f"[{COLOURS[finding.level]}]{finding.level:8}[/]"
            console.print(f"{mark}{finding.subject:11}", end="", highlight=False)
            console.print(finding.line, markup=False, highlight=False, soft_wrap=True)
    counts = {level: sum(each.level == level for each in findings) for level in COLOURS}
    if as_json:
        print_json([asdict(each) for each in findings])
    elif counts["fault"] or counts["caution"]:
        print(f"{counts['fault']} to mend, {counts['caution']} to know about")
    else:
        print("nothing to mend")
    if counts["fault"]:
        raise typer.Exit(1)


COMMAND = doctor
PANEL = "Help"
