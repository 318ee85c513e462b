"""What the features of trained networks say about covariates such as site, sex and age.

`covariate_probe` predicts a covariate from features across people, against permuted values; `feature_agreement`
compares the features of people who were scanned at several sites; `probe_run` does both for the networks of a study,
and `probe_files` writes tables and figures.
"""
