"""Faults of method that are planted into data, studies and methods, and what the harness answers to each."""
