"""Looks at the machine that a study would run on, and says what to mend. It starts no training and no cluster.

Each check is a function of `machine_checks` or `storage_checks` that returns `Finding`s.
"""

from bench.experiments.machine.machine_report import Finding, examine_machine

__all__ = ["Finding", "examine_machine"]
