"""The search of parameters, nested: each outer fold has its own search, which sees that fold's training and validation
parts and nothing of its test part.

Optuna suggests and prunes, and its storage is the memory: whoever opens it knows what was tried, whatever became of the
process that tried it. Trials run one after the other in this process, or side by side under Ray Tune; both ask and tell
the same `Asking`. What was found is a small file, `tuned.json`, that a person commits to use it.
"""

from bench.tune.asking import Asked, Asking
from bench.tune.candidate import Outcome, train
from bench.tune.definition import Search, every, searches
from bench.tune.executors import carry_out
from bench.tune.found import Found, found, remembered
from bench.tune.room import Place
from bench.tune.storage import Storage

__all__ = [
    "Asked",
    "Asking",
    "Found",
    "Outcome",
    "Place",
    "Search",
    "Storage",
    "carry_out",
    "every",
    "found",
    "remembered",
    "searches",
    "train",
]
