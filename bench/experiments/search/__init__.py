"""The search of parameters, nested: each outer fold has its own search, which sees that fold's training and validation
parts and nothing of its test part.

Optuna suggests and prunes, and its storage is the memory: whoever opens it knows what was tried, whatever became of the
process that tried it. Trials run one after the other in this process, or side by side under Ray Tune; both ask and tell
the same `SearchSession`. What was found is a small file, `tuned.json`, that a person commits to use it.
"""

from bench.experiments.search.objective import CandidateOutcome, train
from bench.experiments.search.optuna_storage import OptunaStorage
from bench.experiments.search.ray_resources import RayTarget
from bench.experiments.search.run_search import carry_out, search_launcher
from bench.experiments.search.search_definition import Search, every, searches
from bench.experiments.search.search_result import SearchResult, found, remembered
from bench.experiments.search.search_session import CandidateJob, SearchSession

__all__ = [
    "CandidateJob",
    "CandidateOutcome",
    "OptunaStorage",
    "RayTarget",
    "Search",
    "SearchResult",
    "SearchSession",
    "carry_out",
    "every",
    "found",
    "remembered",
    "search_launcher",
    "searches",
    "train",
]
