"""Which layout a folder has, and its survey."""

from __future__ import annotations

from pathlib import Path

from bench.core import BenchError
from bench.data.folder_survey.bids_survey import survey_bids
from bench.data.folder_survey.caps_survey import survey_caps
from bench.data.folder_survey.class_survey import survey_images, survey_volumes
from bench.data.folder_survey.survey_result import FolderSurvey
from bench.data.readers.images import SUFFIXES
from bench.data.readers.litter import find_files
from bench.data.readers.nifti import ENDS


def survey_folder(folder: Path, target: str = "", suffix: str = "") -> FolderSurvey:
    """What a data set of this folder would be. target: the column to predict; suffix: of the images, as T1w.

    BenchError if the folder is missing or has none of the known layouts; the message says what is there.
    """
    if not folder.is_dir():
        raise BenchError(f"no folder {folder}; give the folder of the scans")
    if any((folder / "subjects").glob("sub-*/ses-*")):
        return survey_caps(folder, target, suffix)
    if any(folder.glob("sub-*")):
        return survey_bids(folder, target, suffix)
    if target or suffix:
        raise BenchError(f"{folder} has no sub-* folders, so --target and --suffix do not apply: classes are folders")
    names = [path.name.lower() for path in find_files(folder, "*") if path.is_file()]
    volumes, images = (sum(name.endswith(ends) for name in names) for ends in (ENDS, tuple(SUFFIXES)))
    if not volumes and not images:
        there = ", ".join(sorted(path.name for path in folder.iterdir())[:6]) or "nothing"
        raise BenchError(f"no volume (.nii.gz, .mgz, .mha) and no image (.jpg, .png) in {folder}; found: {there}")
    return survey_volumes(folder) if volumes >= images else survey_images(folder)
