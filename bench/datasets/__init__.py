"""The data sets, one file each with DATASET in it; files that begin with an underscore are shared readers."""
