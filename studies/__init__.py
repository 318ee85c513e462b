"""Studies, one file per question with STUDY in it."""
