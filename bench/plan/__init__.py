"""From a study to its trials: pure, without torch, and written down for the report and the status.

A cell is a trial with its place in the table. What the methods need beforehand (teachers) comes as cells of their own.
"""

from bench.plan.cells import AGAIN, Cell, alike, cells, chosen, waves
from bench.plan.levels import design_lines, effect_pairs
from bench.plan.lineage import needed_by, upstream_of
from bench.plan.located import Found, locate
from bench.plan.study import SMOKE, check, contrasts, lightened, smoke
from bench.plan.tuned import fitted
from bench.plan.written import folder, read, write

__all__ = [
    "AGAIN",
    "SMOKE",
    "Cell",
    "Found",
    "alike",
    "cells",
    "check",
    "chosen",
    "contrasts",
    "design_lines",
    "effect_pairs",
    "fitted",
    "folder",
    "lightened",
    "locate",
    "needed_by",
    "read",
    "smoke",
    "upstream_of",
    "waves",
    "write",
]
