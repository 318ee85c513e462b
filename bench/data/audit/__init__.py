"""What is wrong with data before anybody learns from them: duplicates, unknown identities, uneven folds, false tests.

`grouped` and `identities` give preparation groups that no split may divide; `findings` and `balance` are what
`bench audit` tells; `traced` holds slices against volumes that they may have been cut from; `overlap` knows which
public sets share people or images. The audit sees pixels, and no more: two scans of a person months apart are not
duplicates to it, and two people may look alike.
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
