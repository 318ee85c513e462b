"""Robustness of trained networks to corrupted test scans, from saved weights: nothing is trained.

`corruptions` corrupts a prepared scan, `trained_networks` predicts corrupted scans, `robustness_run` does so for all
networks of a study and saves the predictions, `save` writes their scores. `bench.report.tables.robustness_table` reads,
scores and summarises them.
"""
