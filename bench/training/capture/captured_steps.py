"""The steps of a training, as a recorded graph where that gives the same numbers, in the usual way elsewhere.

A shape with a stage of the curriculum is recorded once it comes in steps on end. Some of them are taken in the usual
way; then the training goes back, takes them again in the usual way to see what rounding changes, and a third time as a
graph. Where the losses or the weights of the graph differ by more, or a method does what cannot be recorded, the whole
training goes on in the usual way, and its record says why. Whatever the check finds, the training goes on with the
weights and generators of the first way: a check changes no number.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from bench.method import Batch
from bench.training import optim
from bench.training.activation_memory import activation_memory
from bench.training.capture.graph_interface import CapturedGraph, CaptureError, GraphSource
from bench.training.capture.static_batch import StaticBatch, capture_key
from bench.training.capture.step_comparison import StepOutput, compare
from bench.training.capture.training_snapshot import RandomState, TrainingSnapshot, own_generators
from bench.training.checkpoint import TrainingState
from bench.training.train_step import train_step
from bench.training.training_setup import TrainingSetup

CHECKED = 3  # steps that are taken both ways
LEAST_LEFT = 30  # steps that must be left: a capture and its check cost about ten
MOST = 8  # graphs of one training; further stages go on in the usual way


@dataclass(frozen=True)
class _Captured:
    graph: CapturedGraph
    static: StaticBatch
    losses: Tensor  # written by every replay, as are the terms of the static batch


@dataclass
class _Window:
    """Steps on end of one key, taken in the usual way."""

    key: Hashable
    before: TrainingSnapshot
    batches: list[tuple[Batch, list[float], RandomState]] = field(default_factory=list)
    outputs: list[StepOutput] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


class CapturedSteps:
    """Takes the steps of one training."""

    def __init__(self, setup: TrainingSetup, training: TrainingState) -> None:
        self._setup, self._training, self._source = setup, training, setup.graphs
        self._captured: dict[Hashable, _Captured] = {}
        self._window: _Window | None = None
        self._last: Hashable = None
        self._reason = ""
        self._replayed = self._usual = 0
        self._facts: dict[str, float] = {}
        self.activations = 0  # bytes that a watched step kept for its gradients, the most of all

    def take(self, batch: Batch, step: int, watch: bool = False) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Take a step, `step` of the training counted from 0: losses (B,) and terms, valid until the next step.

        watch: count the memory of its activations. Where steps may be graphs, the first one of each kind is counted.
        """
        key = _hashable(capture_key(batch)) if self._source is not None and not self._reason else None
        if key in self._captured:
            self._window, self._last = None, key
            return self._replay(self._captured[key], batch)
        self._usual += 1
        if key is None or key != self._last or self._is_late(step):
            new = self._source is not None and key != self._last
            self._window, self._last = None, key
            return self._take_usual(batch, watch or new), batch.terms
        if self._window is None:
            self._window = _Window(key, TrainingSnapshot(self._training, self._setup.method))
        losses = self._observe(self._window, self._source, batch)
        if len(self._window.outputs) == CHECKED:
            self._check(self._window, self._source)
            self._window = None
        return losses, batch.terms

    def pause(self) -> None:
        """Other work comes between two steps: steps before and after it are not compared together."""
        self._window = None

    def facts(self) -> dict[str, Any]:
        """What the record says: steps of each way, graphs, the check, and why there is no graph; empty on a CPU."""
        if self._source is None:
            return {}
        reason = self._reason or ("" if self._captured else "no shape and stage came in enough steps on end")
        counts = {"graphs": len(self._captured), "replayed_steps": self._replayed, "usual_steps": self._usual}
        return {"used": self._replayed > 0, **({"reason": reason} if reason else {}), **counts, **self._facts}

    def _is_late(self, step: int) -> bool:
        return len(self._captured) >= MOST or self._setup.recipe.steps - step < LEAST_LEFT

    def _take_usual(self, batch: Batch, watch: bool = False) -> Tensor:
        with activation_memory(self._training.model, watch) as kept:
            losses = train_step(self._setup, self._training, batch, self._training.clock.lap)
        self.activations = max(self.activations, kept.most)
        return losses

    def _observe(self, window: _Window, source: GraphSource, batch: Batch) -> Tensor:
        """Take a step in the usual way and keep what a comparison needs."""
        random = RandomState(self._training.model, self._setup.device)
        window.batches.append((batch, list(self._training.rates), random))
        source.synchronise()
        since = time.perf_counter()
        losses = self._take_usual(batch)
        source.synchronise()
        window.seconds.append(time.perf_counter() - since)
        window.outputs.append(StepOutput.copy_of(losses, batch.terms))
        return losses

    def _replay(self, captured: _Captured, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        captured.static.load(batch)
        captured.graph.replay()
        self._replayed += 1
        return captured.losses, captured.static.batch.terms

    def _check(self, window: _Window, source: GraphSource) -> None:
        """Record the step, take the steps of the window again in both ways, and go on as after the first time."""
        after = TrainingSnapshot(self._training, self._setup.method)
        try:
            self._captured[window.key] = self._compared(window, source, after)
        except CaptureError as error:
            self._stop(str(error))
        except Exception as error:  # a step that works in the usual way is not to end a training because of its graph
            self._stop(f"{type(error).__name__}: {(str(error) or 'no message').splitlines()[0]}")
        finally:
            after.restore()

    def _stop(self, reason: str) -> None:
        self._reason = reason
        self._captured.clear()

    def _compared(self, window: _Window, source: GraphSource, after: TrainingSnapshot) -> _Captured:
        static = StaticBatch(window.batches[0][0])
        graph = source.new(own_generators(self._training.model))

        def call() -> Tensor:
            static.batch.terms.clear()
            return train_step(self._setup, self._training, static.batch)

        again, _ = self._repeat(window, source, static, lambda: graph.warm_up(call))
        noise = after.difference()
        window.before.restore()
        static.load(window.batches[0][0])
        losses = graph.capture(call)

        def replay() -> Tensor:
            graph.replay()
            return losses

        replayed, seconds = self._repeat(window, source, static, replay)
        compare(window.outputs, again, replayed, (noise, after.difference()), self._setup)
        self._keep_facts(window, seconds, after.difference(), source.timed)
        return _Captured(graph, static, losses)

    def _repeat(
        self, window: _Window, source: GraphSource, static: StaticBatch, call: Any
    ) -> tuple[list[StepOutput], list[float]]:
        """Take the steps of the window from their start by `call`: what came of them, and their seconds."""
        window.before.restore()
        outputs, seconds = [], []
        for batch, rates, random in window.batches:
            random.restore()
            optim.set_rates(self._training.optimiser.param_groups, rates)
            source.synchronise()
            since = time.perf_counter()
            static.load(batch)
            losses = call()
            source.synchronise()
            seconds.append(time.perf_counter() - since)
            outputs.append(StepOutput.copy_of(losses, static.batch.terms))
        return outputs, seconds

    def _keep_facts(self, window: _Window, seconds: list[float], difference: float, timed: bool) -> None:
        """CaptureError if a replay is not the faster way."""
        usual, replayed = 1000 * min(window.seconds), 1000 * min(seconds)
        self._facts["difference"] = max(difference, self._facts.get("difference", 0.0))
        if timed:
            self._facts |= {"usual_ms": usual, "replay_ms": replayed}
            if replayed >= usual:
                raise CaptureError(f"a replay takes {replayed:.2f} ms, a step in the usual way {usual:.2f} ms")


def _hashable(key: Hashable) -> Hashable:
    """The key; None if the stage holds a function that cannot be compared."""
    try:
        hash(key)
    except TypeError:
        return None
    return key
