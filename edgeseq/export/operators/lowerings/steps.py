"""A tensor of several time steps: as one array of rows, as a row a step, or both, made when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from edgeseq.export.operators.build import Builder
from edgeseq.export.operators.types import Tensor


class Steps:
    """Time steps of (1, n) each. Products of all of them at once cost one operator, recurrence needs them one by one."""

    def __init__(
        self, build: Builder, *, whole: Tensor | None = None, rows: Sequence[Tensor] | None = None, flipped: bool = False
    ) -> None:
        """whole: (steps, n), the last step first if flipped; rows: in the order of time."""
        assert whole is not None or rows is not None
        self._build = build
        self._whole = whole
        self._rows = None if rows is None else tuple(rows)
        self._flipped = flipped

    @property
    def count(self) -> int:
        """Time steps."""
        if self._rows is not None:
            return len(self._rows)
        assert self._whole is not None
        return self._whole.shape[0]

    @property
    def first(self) -> Tensor:
        """Some tensor of the same type, scale and number of values."""
        if self._rows is not None:
            return self._rows[0]
        assert self._whole is not None
        return self._whole

    @property
    def rows(self) -> tuple[Tensor, ...]:
        """(1, n) of each step, in the order of time."""
        if self._rows is None:
            assert self._whole is not None
            cut = self._build.split(self._whole, [1] * self._whole.shape[0], 0)
            self._rows = cut[::-1] if self._flipped else cut
        return self._rows

    @property
    def whole(self) -> Tensor:
        """(steps, n) in the order of time."""
        return self._stored if not self._flipped else self._build.concat(self.rows, 0)

    @property
    def _stored(self) -> Tensor:
        if self._whole is None:
            assert self._rows is not None
            self._whole, self._flipped = self._build.concat(self._rows, 0), False
        return self._whole

    def apply(self, function: Callable[[Tensor], Tensor]) -> Steps:
        """A function of each step by itself, on all of them at once."""
        return Steps(self._build, whole=function(self._stored), flipped=self._flipped)

    def apply_to_parts(self, function: Callable[[Tensor], Sequence[Tensor]]) -> list[Steps]:
        """The same of a function with several results."""
        return [Steps(self._build, whole=part, flipped=self._flipped) for part in function(self._stored)]

    def with_other(self, other: Steps, function: Callable[[Tensor, Tensor], Tensor]) -> Steps:
        """A function of the same step of two."""
        if self._flipped == other._flipped and self._whole is not None and other._whole is not None:
            return Steps(self._build, whole=function(self._whole, other._whole), flipped=self._flipped)
        return Steps(self._build, whole=function(self.whole, other.whole))

    @property
    def in_any_order(self) -> Tensor:
        """(steps, n), in whatever order costs nothing."""
        return self._stored

    def reversed(self) -> Steps:
        """The last step first."""
        rows = None if self._rows is None else self._rows[::-1]
        return Steps(self._build, whole=self._whole, rows=rows, flipped=not self._flipped)

    def last(self) -> Steps:
        """The last step alone."""
        return Steps(self._build, rows=self.rows[-1:])
