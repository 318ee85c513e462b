"""The data types of the harness. Standard library only; no method, data set or study is known by name."""

from bench.core.data import KINDS, PRETEXT, Dataset, Sample, Scan, Task
from bench.core.errors import BenchError, MisfitError, RunAbortedError, UnpreparedDataError, UnsupportedInputSizeError
from bench.core.factorial_design import CONTROL, Design, Factor
from bench.core.record import Record
from bench.core.search_space import OBJECTIVES, Choices, Floats, Ints, Range, Tuning, check_space
from bench.core.serialization import canonical, digest, param, plain, plural, seed_of
from bench.core.study import Arm, Data, Light, RandomLabels, Study, arm_label
from bench.core.task_kinds import TaskKind, define_kind, kind_names, task_kind
from bench.core.trial import PROTOCOL, Trial
from bench.core.trial_parts import NO_CURRICULUM, SPLITS, DataSpec, External, HeldOut, Labels, Recipe, Spec, Split

__all__ = [
    "CONTROL",
    "KINDS",
    "NO_CURRICULUM",
    "OBJECTIVES",
    "PRETEXT",
    "PROTOCOL",
    "SPLITS",
    "Arm",
    "BenchError",
    "Choices",
    "Data",
    "DataSpec",
    "Dataset",
    "Design",
    "External",
    "Factor",
    "Floats",
    "HeldOut",
    "Ints",
    "Labels",
    "Light",
    "MisfitError",
    "RandomLabels",
    "Range",
    "Recipe",
    "Record",
    "RunAbortedError",
    "Sample",
    "Scan",
    "Spec",
    "Split",
    "Study",
    "Task",
    "TaskKind",
    "Trial",
    "Tuning",
    "UnpreparedDataError",
    "UnsupportedInputSizeError",
    "arm_label",
    "canonical",
    "check_space",
    "define_kind",
    "digest",
    "kind_names",
    "param",
    "plain",
    "plural",
    "seed_of",
    "task_kind",
]
