"""What tests of killed and shared studies have in common."""

from __future__ import annotations


class Quiet:
    """A watch that only remembers."""

    def __init__(self):
        self.statuses, self.notes, self.shared, self.words = {}, [], set(), []

    def began(self, trial):
        pass

    def moved(self, trial, fraction):
        pass

    def lost(self, trial):
        pass

    def message(self, words):
        self.words.append(words)

    def has_message(self, words):
        return any(words in each for each in self.words)

    def deferred(self, trial):
        self.shared.add(trial.key)

    def ended(self, trial, status, notes):
        self.statuses[trial.key] = status
        self.notes += notes


def trial_of(cells, arm):
    return next(cell.trial for cell in cells if cell.arm == arm)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-7])
