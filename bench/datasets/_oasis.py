"""Shared parts of the two OASIS-1 tasks: source, licence, layout and grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bench.core import Dataset

SOURCE = (
    "OASIS-1 cross-sectional, https://sites.wustl.edu/oasisbrains/ (after registration). bench reads skull-stripped"
    " T1 scans in MNI space at 2 mm: skull-strip and normalise the original scans yourself and write a BIDS tree"
)
LICENCE = (
    "OASIS data use agreement: acknowledge OASIS, attempt no re-identification, pass on the same terms. Read it before"
    " you use or share the scans"
)
CITATION = (
    "Marcus DS, Wang TH, Parker J, Csernansky JG, Morris JC, Buckner RL. Open Access Series of Imaging Studies (OASIS):"
    " cross-sectional MRI data in young, middle aged, nondemented, and demented older adults."
    " Journal of Cognitive Neuroscience 19(9):1498-1507, 2007. doi:10.1162/jocn.2007.19.9.1498"
)
LAYOUT = (
    "a BIDS tree: participants.tsv or sessions.tsv (participant_id, session_id, {columns}), and"
    " sub-*/ses-*/anat/sub-*_ses-*_T1w.nii.gz of 91 x 109 x 91 voxels, 2 mm, MNI space, skull-stripped"
)
SHAPE = (1, 91, 109, 91)
SPACING = (2.0, 2.0, 2.0)
COVARIATES = ("age", "sex", "cdr", "mmse", "etiv", "nwbv")


@dataclass(frozen=True)
class Oasis(Dataset):
    """A task on OASIS-1."""

    source: ClassVar[str] = SOURCE
    licence: ClassVar[str] = LICENCE
    citation: ClassVar[str] = CITATION
    layout: ClassVar[str] = LAYOUT.format(columns=", ".join(COVARIATES))
    cohort: ClassVar[str] = "OASIS-1"
    other_cohorts: ClassVar[tuple[str, ...]] = ("IXI",)  # St. Louis, 1993 to 2007, and hospitals in London

    @property
    def shape(self) -> tuple[int, ...]:
        return SHAPE

    @property
    def spacing(self) -> tuple[float, ...]:
        return SPACING
