"""All checks of the machine, in the order of the report."""

from __future__ import annotations

from collections.abc import Iterator

from bench.core import BenchError
from bench.experiments.machine import machine_checks, storage_checks
from bench.experiments.machine.finding import FAULT, Finding

CHECKS = (
    ("Python", machine_checks.check_python),
    ("packages", machine_checks.check_packages),
    ("processors", machine_checks.check_processors),
    ("memory", machine_checks.check_memory),
    ("GPU", machine_checks.check_gpu),
    ("Ray", machine_checks.check_ray),
    ("fonts", machine_checks.check_fonts),
    ("results", storage_checks.check_results),
    ("data", storage_checks.check_data),
    ("plug-ins", storage_checks.check_plugins),
    ("locks", storage_checks.check_locks),
)


def examine_machine() -> Iterator[Finding]:
    """The findings, as they are made. A check that fails itself is a fault with its error."""
    for subject, check in CHECKS:
        try:
            yield from check()
        except BenchError as error:
            yield Finding(subject, FAULT, str(error))
        except Exception as error:  # the machine is what is broken: report it and go on with the next check
            yield Finding(subject, FAULT, f"the check failed: {type(error).__name__}: {error}")
