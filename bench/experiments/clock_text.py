"""Durations and the time left in words, and how often a plain line of progress is printed."""

from __future__ import annotations

from bench.core import plural

PLAIN_EVERY, PLAIN_AT_MOST = 10.0, 300.0  # seconds between two plain lines, at the beginning and in a long run


def line_interval(elapsed: float) -> float:
    """Seconds until the next plain line, a twentieth of those elapsed: a notebook or a job's log stays readable."""
    return min(PLAIN_AT_MOST, max(PLAIN_EVERY, elapsed / 20))


def duration(seconds: float) -> str:
    """A duration to read at a glance: `45 s`, `3 min 20 s`, `12 min`, `1 h 05 min`, `52 h 10 min`."""
    whole = round(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def left_words(seconds: float | None, unknown: int = 0) -> str:
    """`about 1 h 05 min left`; a bound if it leaves out trials of unknown length; empty if nothing is known."""
    if seconds is None:
        return ""
    if unknown:
        return f"more than {duration(seconds)} left ({plural(unknown, 'trial')} of a kind that was never timed)"
    return f"about {duration(seconds)} left"
