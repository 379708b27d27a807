"""The sections of a study file, one frozen record each.

A record's fields are the keys of its TOML table: nothing else is allowed there.
"""

from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

from compare.records import Number, settle

MOST_POINTS = 100_000


@dataclass(frozen=True)
class Data:
    """`[data]`: exactly one of a shipped `source`, a CSV `file`, or `points` written in place.

    Attributes:
        source: "co2".
        years: how many years of `source`, counted from its end.
        file, x, y: CSV file and the names of two of its columns.
        points: pairs (x, y).
        scale_x: map x affinely onto [-1, 1].
        standardize_y: subtract the mean of y and divide by its standard deviation.
    """

    source: str | None = None
    years: int | None = None
    file: str | None = None
    x: str | None = None
    y: str | None = None
    points: tuple[tuple[Number, Number], ...] = ()
    scale_x: bool = True
    standardize_y: bool = True

    def __post_init__(self) -> None:
        settle(self, "data")
        given = [name for name in ("source", "file", "points") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"data needs exactly one of source, file and points, got {given}")
        if self.source is not None and self.source != "co2":
            raise ValueError(f"data.source must be 'co2', got {self.source!r}")
        if (self.source is None) != (self.years is None):
            raise ValueError("data.years belongs to data.source: give both or none")
        if any((self.file is None) != (name is None) for name in (self.x, self.y)):
            raise ValueError(
                "data.file needs the columns data.x and data.y: give all three or none"
            )


@dataclass(frozen=True)
class Initialization:
    """`[initialization]`: activation and standard deviations of a, w and b."""

    activation: str = "relu"
    sigma_a: Number = 1.0
    sigma_w: Number = 1.0
    sigma_b: Number = 10.0

    def __post_init__(self) -> None:
        settle(self, "initialization")
        if self.activation != "relu":
            raise ValueError(f"initialization.activation must be 'relu', got {self.activation!r}")
        for name in ("sigma_a", "sigma_w", "sigma_b"):
            _positive(f"initialization.{name}", getattr(self, name))


class Row(NamedTuple):
    """Networks that differ in their seed only, numbered from 0."""

    width: int
    seeds: int
    initialization: str
    lazy_scale: float
    rtol: float


@dataclass(frozen=True)
class Networks:
    """`[networks]`, or several `[[networks]]`: every combination inside a block is trained.

    Attributes:
        widths: neurons of one copy.
        seeds: how many networks, one number or one per width.
        initializations: "plain" and "antisymmetric" (zero output at the start).
        lazy_scales: alpha; train on y/alpha and multiply the outputs by alpha.
        rtol: tolerance of `nets.gradient_flow`, above 0 and below 1.
    """

    widths: tuple[int, ...]
    seeds: int | tuple[int, ...] = 4
    initializations: tuple[str, ...] = ("plain", "antisymmetric")
    lazy_scales: tuple[Number, ...] = (1.0, 30.0)
    rtol: Number = 1e-2

    def __post_init__(self) -> None:
        settle(self, "networks")
        for name in ("widths", "initializations", "lazy_scales"):
            values = getattr(self, name)
            if not values or len(set(values)) < len(values):
                raise ValueError(f"networks.{name} must be non-empty without repeats, got {values}")
        if isinstance(self.seeds, tuple) and len(self.seeds) != len(self.widths):
            raise ValueError(
                f"networks.seeds must be one number or one per width, got {self.seeds} for "
                f"widths {self.widths}"
            )
        for count in (*self.widths, *self.seeds_per_width()):
            if count < 1:
                raise ValueError(f"networks.widths and networks.seeds must be >= 1, got {count}")
        for name in self.initializations:
            if name not in ("plain", "antisymmetric"):
                raise ValueError(
                    f"networks.initializations must be 'plain' or 'antisymmetric', got {name!r}"
                )
        for scale in self.lazy_scales:
            _positive("networks.lazy_scales", scale)
        if not 0 < self.rtol < 1:
            raise ValueError(f"networks.rtol must be above 0 and below 1, got {self.rtol}")

    def rows(self) -> list[Row]:
        """The combinations of this block."""
        return [
            Row(width, seeds, initialization, float(scale), float(self.rtol))
            for width, seeds in zip(self.widths, self.seeds_per_width(), strict=True)
            for initialization in self.initializations
            for scale in self.lazy_scales
        ]

    def seeds_per_width(self) -> tuple[int, ...]:
        """`seeds`, one number per width."""
        if isinstance(self.seeds, tuple):
            return self.seeds
        return (self.seeds,) * len(self.widths)


@dataclass(frozen=True)
class Time:
    """`[time]`: `points` times, equally spaced in log t from 1/lambda_max to last/lambda_max.

    lambda_max is the largest eigenvalue of the NTK at the samples divided by their number.
    """

    last: Number = 1e6
    points: int = 60

    def __post_init__(self) -> None:
        settle(self, "time")
        if not (isfinite(self.last) and self.last > 1):
            raise ValueError(f"time.last must be finite and above 1, got {self.last}")
        if self.points < 2:
            raise ValueError(f"time.points must be at least 2, got {self.points}")


@dataclass(frozen=True)
class Frequencies:
    """`[frequencies]`: how many of the largest peaks of the data's spectrum are shown."""

    peaks: int = 6

    def __post_init__(self) -> None:
        settle(self, "frequencies")
        if self.peaks < 1:
            raise ValueError(f"frequencies.peaks must be at least 1, got {self.peaks}")


@dataclass(frozen=True)
class Probe:
    """`[probe]`: outputs, limits and splines at `points` equally spaced x; 0 leaves them out."""

    points: int = 0

    def __post_init__(self) -> None:
        settle(self, "probe")
        if not (self.points == 0 or 2 <= self.points <= MOST_POINTS):
            raise ValueError(
                f"probe.points must be 0, or at least 2 and at most {MOST_POINTS}, "
                f"got {self.points}"
            )


def _positive(name: str, value: Number) -> None:
    if not (isfinite(value) and value > 0):
        raise ValueError(f"{name} must be positive and finite, got {value}")
