"""Statistics: the uncertainty of scores and differences. Two kinds, never mixed (the protocol's point 5).

About *methods*: `people_test` decides contrasts. Its unit is a person, with the `contributions` of the scans to the
difference of two arms; `detectable` is the difference that such a test finds in 80 % of studies, `power` the share of
studies that find a given one; `split_test` decides whether an arm scores the same under two splits of a data set.
Beside it stands `corrected_interval` (Nadeau & Bengio), whose unit is the difference of two arms in one fold of one
partition, seeds averaged first (`paired`). `equivalence`, `improvement` (in how many folds), `holm` over the tests that
a study declared; `random_effects` and `rank_arms` over data sets.

About *these trained models* on new people: `score_interval` (`group_bootstrap`, or `area_interval` for an area under
the ROC curve), and for two of them on the same scans `area_difference` (DeLong), `mcnemar` and `permutation_test`. They
do not cover the variation between training sets, and never decide a claim: with fixed cross-validation predictions
such an interval rejects true null contrasts of methods two to three times as often as its level.

`random_labels_verdict` evaluates the random-label control. Random numbers come from the generator that the caller
passes; nothing in this package reads a file or knows a method.
"""

from bench.core.lazy import lazy_attributes

_MODULES = {
    "bench.evaluation.bootstrap": (
        "Fold",
        "Interval",
        "group_bootstrap",
    ),
    "bench.evaluation.chance_level": (
        "SkillTest",
        "ChanceDistribution",
        "chance_distribution",
        "skill_test",
    ),
    "bench.evaluation.scan_contributions": (
        "Contributions",
        "contributions",
    ),
    "bench.evaluation.delong": (
        "AucEstimate",
        "AucDifference",
        "area_difference",
        "area_interval",
        "areas",
    ),
    "bench.evaluation.detectable_difference": (
        "detectable",
        "power",
    ),
    "bench.evaluation.fold_scores": (
        "Cell",
        "Paired",
        "Scores",
        "average_seeds",
        "fold_mean",
        "paired",
    ),
    "bench.evaluation.fold_tests": (
        "REACH",
        "Contrast",
        "Improvement",
        "corrected_interval",
        "equivalence",
        "holm",
        "improvement",
    ),
    "bench.evaluation.label_permutation": (
        "PERMUTATIONS",
        "Verdict",
        "random_labels_verdict",
    ),
    "bench.evaluation.mean_ranks": (
        "Ranks",
        "rank_arms",
    ),
    "bench.evaluation.meta_analysis": (
        "PooledEffect",
        "random_effects",
    ),
    "bench.evaluation.model_tests": (
        "PairedTest",
        "mcnemar",
        "permutation_test",
    ),
    "bench.evaluation.person_test": (
        "FoldDifference",
        "PeopleTest",
        "people_test",
    ),
    "bench.evaluation.split_comparison": (
        "SplitScores",
        "SplitTest",
        "split_test",
    ),
    "bench.evaluation.score_intervals": (
        "fold_correlation",
        "is_area",
        "score_interval",
    ),
}

__all__ = [
    "PERMUTATIONS",
    "REACH",
    "AucDifference",
    "AucEstimate",
    "Cell",
    "ChanceDistribution",
    "Contrast",
    "Contributions",
    "Fold",
    "FoldDifference",
    "Improvement",
    "Interval",
    "Paired",
    "PairedTest",
    "PeopleTest",
    "PooledEffect",
    "Ranks",
    "Scores",
    "SkillTest",
    "SplitScores",
    "SplitTest",
    "Verdict",
    "area_difference",
    "area_interval",
    "areas",
    "average_seeds",
    "chance_distribution",
    "contributions",
    "corrected_interval",
    "detectable",
    "equivalence",
    "fold_correlation",
    "fold_mean",
    "group_bootstrap",
    "holm",
    "improvement",
    "is_area",
    "mcnemar",
    "paired",
    "people_test",
    "permutation_test",
    "power",
    "random_effects",
    "random_labels_verdict",
    "rank_arms",
    "score_interval",
    "skill_test",
    "split_test",
]
__getattr__, __dir__ = lazy_attributes(__name__, _MODULES)
