"""Public data sets that share people or images, so that a test on the other set is not external.

Sources are statements of publishers and audits of the files. A pair that is not listed may still overlap.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

PUBLISHED = {  # data set of the harness -> published sets it consists of
    "ad_adni": ("ADNI",),
    "ad_mri2d": ("Alzheimer's dataset, 4 classes",),
    "ad_oasis": ("OASIS-1",),
    "age_oasis": ("OASIS-1",),
    "sex_oasis": ("OASIS-1",),
    "bt_mri": ("multimodal brain tumour CT and MRI", "Nickparvar", "rm1000"),  # any of the three
    "bt_ct": ("multimodal brain tumour CT and MRI, CT part",),
    "artery_cas": ("CAS",),
    "age_openbhb": ("OpenBHB",),
    "age_ixi": ("IXI",),
    "roi_ixi": ("IXI",),
}
ALIASES = {  # other names of the same files
    "alz4": "Alzheimer's dataset, 4 classes",
    "tourist55/alzheimers-dataset-4-class-of-images": "Alzheimer's dataset, 4 classes",
    "sachinkumar413/alzheimer-mri-dataset": "Alzheimer's dataset, 4 classes",
    "masoudnickparvar/brain-tumor-mri-dataset": "Nickparvar",
    "bt4_nickparvar": "Nickparvar",
    "rm1000/brain-tumor-mri-scans": "rm1000",
    "murtozalikhon/brain-tumor-multimodal-image-ct-and-mri": "multimodal brain tumour CT and MRI",
    "Br35H": "Br35H",
    "SARTAJ": "SARTAJ",
    "figshare 1512427": "figshare brain tumours",
}


@dataclass(frozen=True)
class Overlap:
    """Two published sets, what they share, and how that is known."""

    first: str
    second: str
    shared: str
    source: str


OVERLAPS = (
    Overlap(
        "Alzheimer's dataset, 4 classes",
        "OASIS-1",
        "its 6,400 slices are 32 slices of each of 200 people of OASIS-1",
        "audit of the files, results/reference/audit: 200 heads by their pixels, as many of each class (2, 28, 70) as"
        " OASIS-1 has of CDR 2, 1 and 0.5, and 163 heads traced to a scan of OASIS-1, all with the right CDR",
    ),
    Overlap(
        "OpenBHB",
        "IXI",
        "OpenBHB contains IXI",
        "Dufumier et al., NeuroImage 263:119637, 2022, the table of its ten studies",
    ),
    Overlap(
        "Nickparvar",
        "figshare brain tumours",
        "Nickparvar is put together from figshare, SARTAJ and Br35H",
        "the publisher's page on Kaggle",
    ),
    Overlap(
        "Nickparvar",
        "SARTAJ",
        "Nickparvar is put together from figshare, SARTAJ and Br35H",
        "the publisher's page on Kaggle",
    ),
    Overlap(
        "Nickparvar",
        "Br35H",
        "Nickparvar is put together from figshare, SARTAJ and Br35H",
        "the publisher's page on Kaggle",
    ),
    Overlap(
        "rm1000",
        "Nickparvar",
        "both hold 7,023 images in the same four classes: taken to be the same images until an audit says otherwise",
        "the numbers on the publishers' pages",
    ),
    Overlap(
        "multimodal brain tumour CT and MRI",
        "rm1000",
        "the MRI part is built partly on rm1000",
        "the publisher's page on Kaggle",
    ),
    Overlap(
        "multimodal brain tumour CT and MRI",
        "Nickparvar",
        "the MRI part is built partly on rm1000, which has the images of Nickparvar",
        "the publishers' pages on Kaggle",
    ),
)


def overlap(train_name: str, test_name: str) -> str:
    """Why a test on one set after training on the other would not be external; empty where no overlap is known.

    Either is a name of the harness or of a publisher. Symmetric.
    """
    return "; ".join(dict.fromkeys(_reasons(train_name, test_name)))


def published_sets(name: str) -> tuple[str, ...]:
    """The published sets behind a data set's name; the name itself if the harness has no such data set."""
    return PUBLISHED.get(name) or (ALIASES.get(name, name),)


def _reasons(train_name: str, test_name: str) -> Iterator[str]:
    if train_name == test_name:
        yield f"both are {train_name}"
        return
    for first in published_sets(train_name):
        for second in published_sets(test_name):
            if first == second:
                yield f"both are made of {first}: they share people"
            for each in OVERLAPS:
                if {each.first, each.second} == {first, second}:
                    yield f"{each.shared} ({each.source})"
