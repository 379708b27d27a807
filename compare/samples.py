"""From a study's `[data]` to the scaled samples that theory and networks see."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from compare import datasets
from compare.sections import Data
from compare.spectra import remove_affine


@dataclass(frozen=True)
class Samples:
    """Scaled samples: `x = (original.x - x_centre) / x_half_range`, y likewise.

    Attributes:
        x, y: shape (n,).
        original: the series in its own units.
        x_centre, x_half_range, y_mean, y_deviation: 0 and 1 where nothing was scaled.
    """

    x: Float[np.ndarray, " n"]
    y: Float[np.ndarray, " n"]
    original: datasets.Series
    x_centre: float
    x_half_range: float
    y_mean: float
    y_deviation: float


def load(data: Data, *, probed: bool = False) -> Samples:
    """Read the series and scale it: x onto [-1, 1], y to mean 0 and standard deviation 1.

    Args:
        data: what to read, and whether to scale.
        probed: refuse repeated x with different y, because limits between the samples are asked
            for and none goes through both.

    Raises:
        ValueError: for fewer than 4 samples, equal x only, NaN or infinite entries, constant y,
            or y an affine function of x (no frequency is left), or repeated x (see `probed`); see
            `datasets` for files.
    """
    series = _series(data)
    x, y = series.x, series.y
    for name, values in (("x", x), ("y", y)):
        if not np.isfinite(values).all():
            place = int(np.flatnonzero(~np.isfinite(values))[0])
            raise ValueError(f"{name} of sample {place} must be finite, got {values[place]}")
    if x.size < 4:
        raise ValueError(f"a study needs at least 4 samples, got {x.size}")
    if np.ptp(x) == 0:
        raise ValueError(f"x must not be constant, every sample has {x[0]:g}")
    if np.ptp(y) == 0:
        raise ValueError(f"y must not be constant, every sample has {y[0]:g}")
    if np.linalg.norm(remove_affine(x, y)) <= 1e-12 * np.linalg.norm(y):
        raise ValueError("y is an affine function of x: no frequency is left to be learned")
    if probed:
        repeated = np.flatnonzero((np.diff(x) == 0) & (np.diff(y) != 0))
        if repeated.size:
            first = int(repeated[0])
            raise ValueError(
                f"x must not repeat with different y in a study with [probe]: samples {first} and "
                f"{first + 1} (sorted by x) both have x = {x[first]:.10g}, with y = {y[first]:.10g}"
                f" and {y[first + 1]:.10g}"
            )
    centre = (x.min() + x.max()) / 2 if data.scale_x else 0.0
    half_range = np.ptp(x) / 2 if data.scale_x else 1.0
    mean, deviation = (y.mean(), y.std()) if data.standardize_y else (0.0, 1.0)
    return Samples(
        x=(x - centre) / half_range,
        y=(y - mean) / deviation,
        original=series,
        x_centre=float(centre),
        x_half_range=float(half_range),
        y_mean=float(mean),
        y_deviation=float(deviation),
    )


def _series(data: Data) -> datasets.Series:
    if data.years is not None:
        return datasets.co2(data.years)
    if data.file is not None and data.x is not None and data.y is not None:
        return datasets.read_csv(data.file, data.x, data.y)
    points = np.array(sorted(data.points), dtype=np.float64).reshape(-1, 2)
    return datasets.Series(points[:, 0], points[:, 1], "x", "", "y", "")
