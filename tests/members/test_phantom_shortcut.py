"""The phantom of a shortcut: the site goes with the class and the brightness, and the anatomy with neither."""

from __future__ import annotations

import numpy as np
import pytest

from bench import registry


def phantom(**params):
    return registry.make("datasets", "phantom_shortcut", {"mm": 12.0, **params})


def test_the_site_of_the_shortcut_goes_with_class_and_brightness_and_the_anatomy_with_neither():
    samples = phantom(subjects=1200, effect=0.0).samples(None)
    at_busy = [[s.site == "south" for s in samples if s.target == label] for label in (0.0, 1.0)]
    assert [np.mean(found) for found in at_busy] == pytest.approx([0.15, 0.85], abs=0.04)
    ages = [[s.covariates["age"] for s in samples if s.target == label] for label in (0.0, 1.0)]
    assert abs(np.mean(ages[0]) - np.mean(ages[1])) < 1.2
    made = phantom(subjects=12, travellers=1.0)
    pairs = [made.samples_of(number) for number in range(12)]
    bright = [[scan.image[scan.image > 0].mean() for scan in (one.read(), two.read())] for one, two in pairs]
    for (one, two), values in zip(pairs, bright, strict=True):
        assert one.group == two.group
        assert {one.site, two.site} == {"north", "south"}
        assert (values[0] > values[1]) == (one.site == "south")
    alike = phantom(subjects=2, travellers=1.0, sites=0.0, noise=0.0)
    first, second = (sample.read().image[0].astype(float) for sample in alike.samples_of(0))
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.98
