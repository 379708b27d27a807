"""Real series: the CO2 record that comes with the package, and columns of CSV files."""

import csv
import datetime
import io
import math
from calendar import isleap
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Series:
    """Samples of one variable against another, in increasing x.

    Attributes:
        x, y: float64 arrays of shape (n,), in original units.
        x_unit, y_unit: what they are measured in, for labels.
        x_name, y_name: what they are.
    """

    x: np.ndarray
    y: np.ndarray
    x_name: str
    x_unit: str
    y_name: str
    y_unit: str


def co2(years: int | np.integer) -> Series:
    """Monthly means of CO2 at Mauna Loa over the last years of the record (1958 to 2001).

    A month is placed at its middle, in years; a month without any weekly value is left out.
    Data: Keeling and Whorf 2004, public domain (compare/data/README.md).

    Args:
        years: 1 to 43; 15 gives 180 months.

    Raises:
        ValueError: if years is outside that range.
    """
    if not 1 <= years <= 43:
        raise ValueError(f"years must be 1 to 43 (the record is 1958 to 2001), got {years}")
    months: dict[int, list[float]] = {}
    text = files("compare").joinpath("data/co2_weekly.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        if row["co2"]:
            month = 12 * int(row["date"][:4]) + int(row["date"][4:6]) - 1
            months.setdefault(month, []).append(float(row["co2"]))
    kept = [month for month in sorted(months) if month > max(months) - 12 * years]
    x = (np.array(kept) + 0.5) / 12
    y = np.array([np.mean(months[month]) for month in kept])
    return Series(x, y, "date", "year", "CO2", "ppm")


def read_csv(path: str | Path, x: str, y: str) -> Series:
    """Two columns of a CSV file with a header line.

    A column of dates, ISO or YYYYMMDD, becomes years as a float; other integers, also those of
    four digits, stay numbers. The rows are sorted by x.

    Args:
        path: the file, comma-separated, UTF-8.
        x, y: names of the columns.

    Raises:
        ValueError: if the file, a column or a row is missing, or a cell is empty, not a number or
            not finite; the message names column and line.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
        # newlines untranslated: cells in quotes may hold some, and csv knows every kind of them
        reader = csv.DictReader(io.StringIO(text, newline=""))
        columns = reader.fieldnames or []
        rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"cannot read {str(path)!r} as a CSV file: {error}") from error
    for name in (x, y):
        if name not in columns:
            raise ValueError(f"{path} has no column {name!r}; its columns are {list(columns)}")
    lines = [line for line, _ in rows]
    cells = [(row[x], row[y]) for _, row in rows]
    if not cells:
        raise ValueError(f"{path} has no rows below its header")
    is_date = _years(cells[0][0] or "") is not None
    abscissa = _column([cell[0] for cell in cells], lines, x, is_date=is_date)
    ordinate = _column([cell[1] for cell in cells], lines, y, is_date=False)
    order = np.argsort(abscissa, kind="stable")
    return Series(abscissa[order], ordinate[order], x, "year" if is_date else "", y, "")


def _column(cells: list[str | None], lines: list[int], name: str, *, is_date: bool) -> np.ndarray:
    """Numbers of one column; the first cell has decided whether they are dates."""
    values = []
    for cell, line in zip(cells, lines, strict=True):
        value = _years(cell or "") if is_date else _number(cell or "")
        if value is None or not math.isfinite(value):
            kind = "a date (ISO or YYYYMMDD)" if is_date else "a finite number"
            shown = "empty" if not (cell or "").strip() else repr(cell)
            raise ValueError(f"column {name!r}, line {line}: must be {kind}, got {shown}")
        values.append(value)
    return np.array(values)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _years(cell: str) -> float | None:
    """Date as years: the year plus the elapsed part of it. None if the cell is no date."""
    cell = cell.strip()
    try:
        moment = datetime.datetime.fromisoformat(cell).replace(tzinfo=None)
    except ValueError:
        return None
    elapsed = moment - datetime.datetime(moment.year, 1, 1)
    return moment.year + elapsed / datetime.timedelta(days=366 if isleap(moment.year) else 365)
