"""A .csv as text: columns by name, timestamps recognised, every cell that is no number named by its line."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgeseq.data.types import FloatArray
from edgeseq.errors import DataError

DELIMITERS = ",;\t"
TIME_NAMES = frozenset({"time", "timestamp", "date", "datetime"})
# Besides ISO 8601, which datetime reads itself.
TIME_FORMATS = (
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S.%fZ",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%Y-%m",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A .csv as text. lines: the line number of each row, for messages; timestamps: columns that hold times."""

    path: Path
    header: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]
    timestamps: tuple[str, ...]

    def column(self, name: str, option: str) -> list[str]:
        """Return the cells of a column that an option named."""
        if name not in self.header:
            raise DataError(f"{self.path}: has no column {name!r} (for {option}); it has {', '.join(self.header)}")
        index = self.header.index(name)
        return [row[index].strip() for row in self.rows]

    def numbers(self, columns: Sequence[str]) -> FloatArray:
        """Return columns as (rows, columns), or name the first cell that is no number."""
        indexes = [self.header.index(name) for name in columns]
        try:
            values = np.array([[float(row[i]) for i in indexes] for row in self.rows], np.float64)
        except ValueError:
            raise self._not_numeric(indexes) from None
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            row, column = bad[0]
            raise DataError(
                f"{self.path}: line {self.lines[row]}, column {columns[column]!r} is {values[row, column]}; "
                "fill or remove rows that hold NaN or infinite values"
            )
        return values.astype(np.float32)

    def _not_numeric(self, indexes: Sequence[int]) -> DataError:
        for row, line in zip(self.rows, self.lines, strict=True):
            for i in indexes:
                if not _is_number(row[i]):
                    cell = f"{row[i]!r}" if row[i].strip() else "empty"
                    return DataError(
                        f"{self.path}: line {line} is not numeric (column {self.header[i]!r} is {cell}). "
                        "Keep only the feature columns, or name them with --features"
                    )
        raise AssertionError("every cell is a number")

    def times(self) -> npt.NDArray[np.float64]:
        """Return the first timestamp column in seconds since 1970, without a time zone."""
        if not self.timestamps:
            raise DataError(f"{self.path}: has no timestamp column, which spans of anomalies given as times need")
        cells = self.column(self.timestamps[0], "timestamps")
        return np.array([seconds(cell) for cell in cells])


def read_table(path: Path) -> Table:
    """Read a .csv with or without a header line. Raises DataError."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            file.seek(0)
            delimiter = max(DELIMITERS, key=first.count)
            numbered_rows = [(number, row) for number, row in enumerate(csv.reader(file, delimiter=delimiter), start=1) if row]
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    if not numbered_rows:
        raise DataError(f"{path}: no rows; expected one time step per line")
    width = len(numbered_rows[0][1])
    for number, row in numbered_rows:
        if len(row) != width:
            raise DataError(f"{path}: line {number} has {len(row)} cells and the first {width}; expected the same (ragged rows)")
    head = [cell.strip() for cell in numbered_rows[0][1]]
    has_header = any(not _is_number(cell) and _time(cell) is None for cell in head)
    body = numbered_rows[1:] if has_header else numbered_rows
    if not body:
        raise DataError(f"{path}: a header line and no rows; expected one time step per line")
    header = tuple(head) if has_header else tuple(str(i + 1) for i in range(width))
    if len(set(header)) != len(header):
        raise DataError(f"{path}: two columns have the same name; the header is {', '.join(header)}")
    cells = body[0][1]
    timestamps = tuple(
        name
        for name, cell in zip(header, cells, strict=True)
        if (name.lower() in TIME_NAMES) or (not _is_number(cell) and _time(cell.strip()) is not None)
    )
    return Table(path, header, [row for _, row in body], [number for number, _ in body], timestamps)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _time(cell: str) -> datetime | None:
    try:
        return datetime.fromisoformat(cell)
    except ValueError:
        pass
    return next((moment for form in TIME_FORMATS if (moment := _time_as(cell, form)) is not None), None)


def _time_as(cell: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(cell, form)  # noqa: DTZ007 - both sides of every comparison are without a zone
    except ValueError:
        return None


def seconds(cell: str) -> float:
    """Return a number as it is, a timestamp in seconds since 1970."""
    if _is_number(cell):
        return float(cell)
    moment = _time(cell.strip())
    if moment is None:
        raise DataError(f"{cell!r} is no timestamp that is known here; write it as 2014-07-01 00:30:00")
    return moment.replace(tzinfo=timezone.utc).timestamp()
