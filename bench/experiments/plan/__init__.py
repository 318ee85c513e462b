"""Plans the trials of a study, without torch, and writes plan.json for the report and the status.

A cell is a trial with its place in the table. Upstream trials (teachers) have cells of their own.
"""

from bench.experiments.plan.dependencies import needed_by, pretraining_of, teachers_of, upstream_of
from bench.experiments.plan.factors import design_lines, effect_pairs
from bench.experiments.plan.plan_file import folder, read, write
from bench.experiments.plan.planned_cells import AGAIN, Cell, cells, repeated_arms, select_arms, waves
from bench.experiments.plan.primary_tests import contrasts
from bench.experiments.plan.resolve_data import ResolvedData, locate
from bench.experiments.plan.split_pairs import check_splits
from bench.experiments.plan.tuned_params import fitted
from bench.experiments.plan.validate import SMOKE, check, lightened, smoke

__all__ = [
    "AGAIN",
    "SMOKE",
    "Cell",
    "ResolvedData",
    "cells",
    "check",
    "check_splits",
    "contrasts",
    "design_lines",
    "effect_pairs",
    "fitted",
    "folder",
    "lightened",
    "locate",
    "needed_by",
    "pretraining_of",
    "read",
    "repeated_arms",
    "select_arms",
    "smoke",
    "teachers_of",
    "upstream_of",
    "waves",
    "write",
]
