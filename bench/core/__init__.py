"""The nouns of the harness. Standard library only; it knows no method, data set or study by name."""

from bench.core.data import KINDS, Dataset, Sample, Scan, Task
from bench.core.design import CONTROL, Design, Factor
from bench.core.study import Arm, Data, Light, RandomLabels, Study
from bench.core.trial import (
    NO_CURRICULUM,
    PROTOCOL,
    SPLITS,
    DataSpec,
    External,
    Labels,
    Recipe,
    Record,
    Spec,
    Split,
    Trial,
)
from bench.core.tuning import OBJECTIVES, Choices, Floats, Ints, Range, Tuning, check_space
from bench.core.values import BenchError, HaltError, MisfitError, canonical, digest, param, plain, plural, seed_of

__all__ = [
    "CONTROL",
    "KINDS",
    "NO_CURRICULUM",
    "OBJECTIVES",
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
    "HaltError",
    "Ints",
    "Labels",
    "Light",
    "MisfitError",
    "RandomLabels",
    "Range",
    "Recipe",
    "Record",
    "Sample",
    "Scan",
    "Spec",
    "Split",
    "Study",
    "Task",
    "Trial",
    "Tuning",
    "canonical",
    "check_space",
    "digest",
    "param",
    "plain",
    "plural",
    "seed_of",
]
