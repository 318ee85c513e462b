"""The planted faults: every file has a tuple `FAULTS`, and is found by being here."""
