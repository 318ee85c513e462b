"""What a check of the machine has found."""

from __future__ import annotations

from dataclasses import dataclass

GOOD, CAUTION, FAULT = "ok", "caution", "fault"


@dataclass(frozen=True)
class Finding:
    """A line of the report. A fault stops studies; a caution does not."""

    subject: str
    level: str  # GOOD, CAUTION or FAULT
    words: str
    remedy: str = ""

    @property
    def line(self) -> str:
        """The finding with its remedy in one line."""
        return f"{self.words}; {self.remedy}" if self.remedy else self.words
