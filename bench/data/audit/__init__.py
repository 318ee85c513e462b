"""Audit data before training: duplicates, unknown identities, unbalanced folds, external tests that share people.

`group_duplicates` and `recover_identities` give preparation the groups that no split may divide. `findings` and
`balance` are the results of `bench audit`. `trace_slices` compares slices with volumes that they may have been cut
from. `overlap` lists public sets that share people or images. The audit compares pixels only: it does not recognise two
scans of a person months apart as duplicates, and two people may look alike.
"""

from bench.data.audit.audit_findings import findings
from bench.data.audit.balance_check import Balance, balance
from bench.data.audit.duplicates import THRESHOLD, Identities, group_duplicates, recover_identities
from bench.data.audit.image_set import ImageSet, concatenate, from_folder, from_prepared
from bench.data.audit.known_overlaps import overlap
from bench.data.audit.slice_origin import SliceOrigin, trace_slices

__all__ = [
    "THRESHOLD",
    "Balance",
    "Identities",
    "ImageSet",
    "SliceOrigin",
    "balance",
    "concatenate",
    "findings",
    "from_folder",
    "from_prepared",
    "group_duplicates",
    "overlap",
    "recover_identities",
    "trace_slices",
]
