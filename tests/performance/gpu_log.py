"""The measurements on a GPU as they come: each is on disk as soon as it is had, whatever ends the rest."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from performance import result_output
from performance.measure import Result

LOG, TABLE = "measured.jsonl", "measured.md"
REHEARSAL = (
    "**Rehearsal on a processor**: small, a recorder in the place of CUDA graphs. No number here means anything."
)


@dataclass(frozen=True)
class GpuLog:
    """A folder of measurements. rehearsal: made without a GPU, to try the script."""

    folder: Path
    rehearsal: bool

    def add(self, result: Result) -> None:
        """Append a measurement to the log, and write the table of all of them again."""
        self.folder.mkdir(parents=True, exist_ok=True)
        entry = {
            "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "mode": "cpu rehearsal" if self.rehearsal else "gpu",
            "name": result.name,
            "values": list(result.values),
            "unit": result.unit or "ratio",
            "skipped": result.skipped,
            "details": dict(result.details),
            "compared": result.compared,
            "device": device(),
            "machine": result_output.machine(),
        }
        with (self.folder / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        (self.folder / TABLE).write_text(self._table(), encoding="utf-8")

    def entries(self) -> list[dict]:
        """All measurements of the folder, those of earlier runs first."""
        path = self.folder / LOG
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []

    def _table(self) -> str:
        lines = ["# On a GPU, as measured", "", *([REHEARSAL, ""] if self.rehearsal else [])]
        lines += ["| when | device | what | value | details |", "| --- | --- | --- | --- | --- |"]
        for each in self.entries():
            value = ", ".join(f"{number:.4g}" for number in each["values"]) or f"not measured: {each['skipped']}"
            unit = "" if each["unit"] == "ratio" or not each["values"] else f" {each['unit']}"
            details = "; ".join(f"{name} {number:.4g}" for name, number in each["details"].items())
            what = f"{each['name']} ({each['mode']})"
            lines.append(f"| {each['when']} | {each['device']} | {what} | {value}{unit} | {details} |")
        compared = dict.fromkeys(each["compared"] for each in self.entries() if each["compared"])
        return "\n".join([*lines, "", *(f"- {text}" for text in compared), ""])


def device() -> str:
    """The name of the GPU, or `processor`."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "processor"
