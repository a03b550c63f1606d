"""A recurrence over time as two compiled loops: the integers forward, their gradient backward.

The backward loop runs each step again under a gradient tape, from the state that the forward loop left
there, so that nothing but the states is kept and any cell that is written as one step has a gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

# (input of all steps (time, batch, inputs), its weights, constants) -> what the input adds (time, batch, rows)
Project = Callable[[Any, Sequence[Any], Any], Any]
# (what the input adds (batch, rows), state tensors (batch, units), weights, constants) -> next state tensors
Step = Callable[[Any, Sequence[Any], Sequence[Any], Any], Sequence[Any]]


class Recurrence:
    """Runs windows from a zero state. units: of each state tensor; carried: how many there are."""

    def __init__(self, project: Project, step: Step, units: int, carried: int) -> None:
        self._project, self._step, self._units, self._carried = project, step, units, carried
        # XLA fuses a step's many small operations; each batch shape is compiled once.
        self._forward = tf.function(self._states, jit_compile=True, autograph=False)
        self._backward = tf.function(self._gradients, jit_compile=True, autograph=False)

    def __call__(
        self, x: Any, of_input: Sequence[Any], of_state: Sequence[Any], constants: Any, mask: Any = None
    ) -> tuple[Any, ...]:
        """Return every state tensor after each step, (batch, time, units); x: (batch, time, inputs).

        of_input, of_state: the weights that `project` and `step` receive, and that get a gradient; constants: what else
        both receive. mask: (batch, time) bool, where False a step changes nothing; None: no such step.
        """
        count = len(of_input)
        masks = () if mask is None else (tf.transpose(tf.cast(mask, tf.float32))[:, :, None],)

        @tf.custom_gradient
        def run(by_time: Any, *weights: Any) -> tuple[Any, Callable[..., Any]]:
            # No tape may look into the compiled loop: its gradient is the other loop.
            arguments = tf.nest.map_structure(tf.stop_gradient, (by_time, weights[:count], weights[count:], (constants, masks)))
            states = self._forward(*arguments)
            return states, lambda *upstream: self._backward(*arguments, states, upstream)

        states = run(tf.transpose(x, (1, 0, 2)), *of_input, *of_state)
        return tuple(tf.transpose(state, (1, 0, 2)) for state in states)

    def _next(self, t: Any, from_input: Any, state: Sequence[Any], of_state: Sequence[Any], fixed: Any) -> tuple[Any, ...]:
        """One step, or none where the mask says so; fixed: constants and masks (time, batch, 1)."""
        constants, masks = fixed
        after = tuple(self._step(from_input, state, of_state, constants))
        for mask in masks:
            # Exact: one of the products is 0.
            after = tuple(mask[t] * new + (1.0 - mask[t]) * old for new, old in zip(after, state, strict=True))
        return after

    def _states(self, by_time: Any, of_input: Sequence[Any], of_state: Sequence[Any], fixed: Any) -> Any:
        steps = tf.shape(by_time)[0]
        from_input = self._project(by_time, of_input, fixed[0])
        empty = tuple(tf.TensorArray(tf.float32, steps) for _ in range(self._carried))

        def body(t: Any, state: Any, kept: Any) -> Any:
            state = self._next(t, from_input[t], state, of_state, fixed)
            return t + 1, state, tuple(array.write(t, value) for array, value in zip(kept, state, strict=True))

        start = (0, self._zeros(by_time), empty)
        _, _, kept = tf.while_loop(lambda t, *_: t < steps, body, start, maximum_iterations=steps)
        return tuple(array.stack() for array in kept)

    def _gradients(
        self,
        by_time: Any,
        of_input: Sequence[Any],
        of_state: Sequence[Any],
        fixed: Any,
        states: Sequence[Any],
        upstream: Sequence[Any],
    ) -> Any:
        steps, zeros = tf.shape(by_time)[0], self._zeros(by_time)
        with tf.GradientTape(watch_accessed_variables=False) as outer:
            outer.watch([by_time, *of_input])
            from_input = self._project(by_time, of_input, fixed[0])
        before = [tf.concat([zero[None], state[:-1]], axis=0) for zero, state in zip(zeros, states, strict=True)]

        def body(t: Any, later: Any, totals: Any, from_step: Any) -> Any:
            sources = [from_input[t], *(value[t] for value in before), *of_state]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(sources)
                after = self._next(t, sources[0], sources[1 : 1 + self._carried], of_state, fixed)
            arriving = [value[t] + carried for value, carried in zip(upstream, later, strict=True)]
            found = tape.gradient(after, sources, output_gradients=arriving, unconnected_gradients="zero")
            totals = tuple(total + one for total, one in zip(totals, found[1 + self._carried :], strict=True))
            return t - 1, tuple(found[1 : 1 + self._carried]), totals, from_step.write(t, found[0])

        start = (steps - 1, zeros, tuple(tf.zeros_like(w) for w in of_state), tf.TensorArray(tf.float32, steps))
        _, _, totals, from_step = tf.while_loop(lambda t, *_: t >= 0, body, start, maximum_iterations=steps)
        arriving = from_step.stack()
        sources = [by_time, *of_input]
        return *outer.gradient(from_input, sources, output_gradients=arriving, unconnected_gradients="zero"), *totals

    def _zeros(self, by_time: Any) -> tuple[Any, ...]:
        return tuple(tf.zeros((tf.shape(by_time)[1], self._units)) for _ in range(self._carried))
