"""The data sets, one file each with DATASET in it; modules with a leading underscore are shared code."""
