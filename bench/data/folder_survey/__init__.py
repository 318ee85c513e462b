"""Looks at a folder of scans that no data set reads yet, and says what a data set for it would be.

Headers and tables are read, no voxels. What cannot be known from the files is said and never guessed silently. It does
not write the data set: `bench init` does.
"""

from bench.data.folder_survey.folder_layouts import survey_folder
from bench.data.folder_survey.survey_result import FolderSurvey

__all__ = ["FolderSurvey", "survey_folder"]
