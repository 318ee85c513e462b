"""Durations as a clock shows them, and how often a plain line of progress is printed."""

from __future__ import annotations

PLAIN_EVERY, PLAIN_AT_MOST = 10.0, 300.0  # seconds between two plain lines, at the beginning and in a long run


def line_interval(elapsed: float) -> float:
    """Seconds until the next plain line, a twentieth of those elapsed: a notebook or a job's log stays readable."""
    return min(PLAIN_AT_MOST, max(PLAIN_EVERY, elapsed / 20))


def clock(seconds: float) -> str:
    """Minutes and seconds, with hours where there are some: 3:07, 2:03:07."""
    if seconds >= 3600:
        return f"{int(seconds // 3600)}:{int(seconds % 3600 // 60):02d}:{int(seconds % 60):02d}"
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}"
