"""Flash, RAM and instructions of a network that nobody has trained, compiled or run."""

from __future__ import annotations

from dataclasses import dataclass

from edgeseq.choose.budget import Cost
from edgeseq.choose.configuration import Configuration, TaskShape
from edgeseq.choose.prediction.fitted import Errors, load_fit, stack_features, total
from edgeseq.choose.prediction.layout import Layout
from edgeseq.choose.prediction.network import kind_of, network_of
from edgeseq.errors import TargetError
from edgeseq.measure.on_board import on_board
from edgeseq.targets import Board, Core, Optimize


@dataclass(frozen=True, slots=True)
class Prediction:
    """What an image would cost, as `profile` measures it; a decision is a step, or a window of a model of windows.

    layout: weights, tables, state and scratch, by closed form. errors: what validation found for this core,
    mode and kind of network.
    """

    core: Core
    optimize: Optimize
    layout: Layout
    flash_bytes: int
    ram_bytes: int
    stack_bytes: int
    instructions: int
    cycles: int
    errors: Errors

    @property
    def label(self) -> str:
        """How far the figures can be trusted: the largest error of nineteen in twenty networks that were held out."""
        return self.errors.label

    def cost(self, board: Board | None = None) -> Cost:
        """The figures, with time and energy on a board. Raises TargetError for a board with another core."""
        if board is None:
            return Cost(self.flash_bytes, self.ram_bytes, self.instructions, self.cycles)
        if board.core.name != self.core.name:
            raise TargetError(f"{board.name} has a {board.core.name}; this prediction is of a {self.core.name}")
        found = on_board(board, self.cycles)
        return Cost(self.flash_bytes, self.ram_bytes, self.instructions, self.cycles, found.latency_us, found.energy_uj)


def predict(configuration: Configuration, shape: TaskShape, core: Core, optimize: Optimize = "speed") -> Prediction:
    """Predict what the image of a network costs on a core, compiled by zig (by gcc for AVR).

    Raises TargetError for a core without a fit, or a kind of network that was not validated there.
    """
    fit = load_fit(core.name, optimize)
    kind = kind_of(configuration)
    if kind not in fit.errors:
        raise TargetError(
            f"{configuration.title} on {core.name}, {optimize}: no such network was validated. Profile the model instead"
        )
    network = network_of(configuration, shape, core.kernels(optimize))
    layout = network.layout
    instructions = max(1.0, total(fit.instructions, network.loops))
    stack = total(fit.stack, stack_features(fit.stack, network.kinds)) + network.frame_bytes(core)
    return Prediction(
        core=core,
        optimize=optimize,
        layout=layout,
        flash_bytes=round(layout.weights + layout.tables + total(fit.code, network.code)),
        ram_bytes=round(network.static_bytes(core) + stack),
        stack_bytes=round(stack),
        instructions=round(instructions),
        cycles=round(max(instructions, total(fit.cycles, network.loops))),
        errors=fit.errors[kind],
    )
