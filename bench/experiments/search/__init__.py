"""Nested search of parameters: each outer fold has its own search, on the fold's training and validation parts.

No search reads a test part. Optuna suggests and prunes; its storage holds everything, so any process that opens it can
resume the search. Candidates run one after the other in this process, or in parallel with Ray Tune; both use the same
`SearchSession`. The results are written to a small file, `tuned.json`, which a person commits to use it.
"""

from bench.experiments.search.objective import CandidateOutcome, train_candidate
from bench.experiments.search.optuna_storage import OptunaStorage
from bench.experiments.search.ray_resources import RayTarget
from bench.experiments.search.run_search import run_searches, search_launcher
from bench.experiments.search.search_definition import Search, all_searches, define_searches
from bench.experiments.search.search_result import SearchResult, read_results, read_session
from bench.experiments.search.search_session import CandidateJob, SearchSession

__all__ = [
    "CandidateJob",
    "CandidateOutcome",
    "OptunaStorage",
    "RayTarget",
    "Search",
    "SearchResult",
    "SearchSession",
    "all_searches",
    "define_searches",
    "read_results",
    "read_session",
    "run_searches",
    "search_launcher",
    "train_candidate",
]
