"""The time left of a run: simulated over recorded durations, and what it rests on; which trials start first."""

from __future__ import annotations

import heapq
import json
import random
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from bench import registry
from bench.core import Record
from bench.data.prepare import prepare
from bench.experiments import plan
from bench.experiments.clock_text import duration, left_words
from bench.experiments.launch.jobs import outstanding
from bench.experiments.launch.locked_trial import ProgressNote
from bench.experiments.run_clock import RunClock
from bench.experiments.trial_durations import RunningTrial, TrialDurations, starting_order, timed_seconds, trial_kind
from bench.experiments.trial_operations import operations
from bench.storage.record_store import Store

RECORDED = json.loads((Path(__file__).parent / "recorded_durations.json").read_text("utf-8"))
STEADY = {arm: seconds[8:] for arm, seconds in RECORDED["oasis_sex"].items()}  # other work slowed the first eight
WITHOUT_STEPS = ("constant", "covariates", "linear (voxels)")  # they tell no fraction while they run


def study_of(durations, seed, share):
    """(arm, seconds) of all trials, the arms in turns, and the seconds that earlier records tell: a share of each."""
    rng, drawn = random.Random(seed), {}
    for arm, seconds in durations.items():
        drawn[arm] = rng.sample(seconds, len(seconds))
    known = {arm: round(share * len(each)) for arm, each in drawn.items()}
    trials = [(place, arm, each) for arm, seconds in drawn.items() for place, each in enumerate(seconds[known[arm] :])]
    return (
        [(arm, each) for _, arm, each in sorted(trials, key=lambda one: one[0])],
        {arm: each[: known[arm]] for arm, each in drawn.items() if known[arm]},
    )


def spans(trials, earlier, workers):
    """(start, end, arm) of every trial, as a run starts them; without records the networks come first."""
    known = TrialDurations(earlier, work={} if earlier else {arm: arm not in WITHOUT_STEPS for arm, _ in trials})
    free, found = [0.0] * workers, []
    for place in starting_order([arm for arm, _ in trials], known):
        arm, seconds = trials[place]
        start = heapq.heappop(free)
        found.append((start, start + seconds, arm))
        heapq.heappush(free, start + seconds)
    return found


def left_at(now, course, earlier, workers):
    """The seconds that the run would show as left at `now`."""
    ended = sorted((end, arm, end - start) for start, end, arm in course if end <= now)
    known = TrialDurations(earlier, ended=[(arm, seconds) for _, arm, seconds in ended])
    running = [
        RunningTrial(arm, 0.0 if arm in WITHOUT_STEPS else (now - start) / (end - start), now - start)
        for start, end, arm in course
        if start <= now < end
    ]
    return known.left([[arm for start, _, arm in course if start > now]], running, workers).seconds


def errors_at_half(durations, share, workers):
    """The relative errors of the time left at half of a study, over ten random orders of its durations."""
    found = []
    for seed in range(10):
        trials, earlier = study_of(durations, seed, share)
        course = spans(trials, earlier, workers)
        end = max(each[1] for each in course)
        found.append(abs(left_at(end / 2, course, earlier, workers) / (end / 2) - 1))
    return found


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("share", [0.0, 1 / 3], ids=["first run", "resumed"])
def test_the_time_left_at_half_of_a_mixed_study_is_right_to_a_quarter(share, workers):
    assert max(errors_at_half(STEADY, share, workers)) <= 0.25


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_it_is_so_in_most_orders_where_trials_of_an_arm_differ_fourfold(workers):
    assert median(errors_at_half(RECORDED["oasis_age"], 1 / 3, workers)) <= 0.25


@pytest.mark.parametrize("workers", [1, 2])
def test_the_time_left_does_not_grow_for_twenty_minutes(workers):
    for seed in range(5):
        trials, earlier = study_of(STEADY, seed, 0.0)
        course = spans(trials, earlier, workers)
        end = int(max(each[1] for each in course))
        shown = [left_at(second, course, earlier, workers) for second in range(60, end, 60)]
        growing = longest = 0
        for before, after in pairwise(shown):
            growing = growing + 1 if after > before else 0
            longest = max(longest, growing)
        assert longest < 20


def test_a_slower_machine_is_noticed():
    durations = TrialDurations({"a": [10.0] * 20})
    assert durations.left([["a"] * 10], [], 1).seconds == pytest.approx(100.0)
    durations.ended = [("a", 30.0)] * 20
    assert durations.left([["a"] * 10], [], 1).seconds > 220.0
    assert durations.left([], [RunningTrial("a", 0.5, 15.0)], 1).seconds == pytest.approx(13.5, rel=0.15)


def test_what_never_ended_is_timed_by_its_own_steps_then_by_its_operations():
    durations = TrialDurations(work={"a": 100.0, "b": 300.0})
    assert durations.left([["a", "b", "c"]], [], 1).seconds is None
    left = durations.left([["b", "c"]], [RunningTrial("a", 0.25, 5.0)], 1)
    assert left.seconds == pytest.approx(15.0 + 60.0)
    assert left.unknown == 1, "nothing tells of c"


def test_a_trial_that_takes_longer_than_usual_is_still_given_time():
    durations = TrialDurations({"a": [10.0]})
    assert durations.left([], [RunningTrial("a", 0.0, 4.0)], 1).seconds == pytest.approx(6.0)
    assert durations.left([], [RunningTrial("a", 0.0, 400.0)], 1).seconds == pytest.approx(1.0)


def test_a_resumed_trial_does_not_pass_for_a_fast_one():
    durations = TrialDurations({"a": [100.0] * 5})
    left = durations.left([["a"]], [RunningTrial("a", 0.75, 0.0)], 1)
    assert left.seconds == pytest.approx(125.0)


def test_workers_share_what_is_left_and_a_wave_waits_for_the_one_before():
    durations = TrialDurations({"long": [60.0], "short": [10.0]})
    assert durations.left([["long", *["short"] * 6]], [], 2).seconds == pytest.approx(60.0)
    assert durations.left([["long"], ["short", "short"]], [], 2).seconds == pytest.approx(70.0)
    assert durations.left([["short"] * 30], [RunningTrial("long", 0.0, 30.0)], 4).seconds == pytest.approx(90.0)
    assert durations.left([["short"] * 100_000], [], 4).seconds == pytest.approx(250_000.0)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (45.4, "45 s"), (59.7, "1 min 00 s"), (200, "3 min 20 s"), (600, "10 min"), (3570, "1 h 00 min"),
     (3900, "1 h 05 min"), (187_800, "52 h 10 min")],
)  # fmt: skip
def test_a_duration_reads_at_a_glance(seconds, words):
    assert duration(seconds) == words


def test_the_time_left_is_a_bound_while_some_trials_were_never_timed():
    assert left_words(None, 3) == ""
    assert left_words(3900.0) == "about 1 h 05 min left"
    assert left_words(60.0, 1) == "more than 1 min 00 s left (1 trial of a kind that was never timed)"


@pytest.fixture
def started(plugins, tmp_path):
    """Cells of the smallest study, and a store of its results."""
    store = Store(tmp_path / "results")
    store.open()
    return plan.cells(registry.study("tiny"), [prepare("tiny_volumes").spec]), store


def carried_out(trial, seconds, started="2026-01-01T00:00:00Z", device="cpu", resumed=0):
    return Record(trial, "done", resolved={"device": device, "resumed_at_step": resumed},
                  provenance={"started": started, "seconds": seconds, "processor": "x"})  # fmt: skip


def arms_of(cells):
    """arm -> its trials, each once."""
    found: dict[str, dict] = {}
    for cell in cells:
        found.setdefault(cell.arm, {})[cell.trial.key] = cell.trial
    return {arm: list(trials.values()) for arm, trials in found.items()}


def test_a_resumed_run_uses_the_durations_of_its_records_at_once(started):
    cells, store = started
    net = trial_kind(arms_of(cells)["net"][0])
    for trials in arms_of(cells).values():
        store.put(carried_out(trials[0], 100.0 if trial_kind(trials[0]) == net else 5.0))
    work = outstanding(cells, store).timed({}, {})
    left = RunClock(work).left()
    expected = sum(100.0 if trial_kind(trial) == net else 5.0 for trial in work.trials)
    assert (left.seconds, left.unknown) == (pytest.approx(expected), 0)
    assert [trial_kind(trial) for trial in work.waves[0]].index(net) == 0, "the most expensive starts first"


def test_expensive_trials_start_first_and_those_that_take_about_as_long_go_on_together():
    durations = TrialDurations({"floor": [1.0], "flat": [50.0], "deep": [60.0], "solid": [200.0]})
    kinds = ["floor", "flat", "deep", "solid"] * 2
    assert [kinds[place] for place in starting_order(kinds, durations)] == [
        "solid", "solid", "flat", "deep", "flat", "deep", "floor", "floor",
    ]  # fmt: skip


def test_two_of_each_kind_that_was_never_timed_start_before_all_others():
    durations = TrialDurations({"timed": [500.0]}, work={"a": 1.0, "b": 5.0})
    kinds = ["timed", "a", "a", "a", "b", "b", "b"]
    assert [kinds[place] for place in starting_order(kinds, durations)] == ["b", "a", "b", "a", "timed", "b", "a"]
    guessed = TrialDurations({"timed": [500.0]}, guesses={"a": 1.0, "b": 5.0})
    assert [kinds[place] for place in starting_order(kinds, guessed)] == ["timed", "b", "b", "b", "a", "a", "a"]


def test_resumed_trials_and_those_of_another_machine_say_nothing_of_the_time(started):
    cells, _ = started
    trials = arms_of(cells)["net"]
    records = [
        carried_out(trials[0], 900.0, "2026-01-01T00:00:00Z", device="cuda"),
        carried_out(trials[0], 30.0, "2026-01-01T00:00:01Z"),
        carried_out(trials[1], 3.0, "2026-01-01T00:00:02Z", resumed=4),
        carried_out(trials[1], 40.0, "2026-01-01T00:00:03Z"),
    ]
    assert timed_seconds(records) == {trial_kind(trials[0]): [30.0, 40.0]}


def test_another_process_counts_between_two_of_its_trials_too(started):
    """Between the end of one and the notice of the next the time left would double, and halve again."""
    cells, store = started
    work = outstanding(cells, store)
    clock, (here, there, *_) = RunClock(work), work.trials
    clock.durations.ended.extend((trial_kind(trial), 100.0) for trial in work.trials)
    clock.began(here)
    alone = clock.left().seconds
    with store.claim(there.key) as lock:
        ProgressNote(lock, lambda fraction: None)
        clock.stopped(there, elsewhere=True)
        shared = clock.left().seconds
    clock.ended(there, carried_out(there, 100.0))
    assert shared < 0.75 * alone
    assert clock.left().seconds <= shared


def test_operations_are_those_of_the_steps_of_networks_and_the_rest_is_left_out(started):
    cells, _ = started
    arms = arms_of(cells)
    found = operations([trial for each in arms.values() for trial in each])
    trial = arms["net"][0]
    assert found[trial_kind(trial)] % (3 * trial.recipe.steps * trial.recipe.batch_size) == 0
    assert trial_kind(arms["constant"][0]) not in found
