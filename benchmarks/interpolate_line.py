"""How far is interpolation in d = 1 from scipy's CubicSpline?

The full ReLU law (sigma_a = sigma_w = 1, sigma_b = 10), n samples x, uniform in [-1, 1] or in
clusters of widths 1 to 1e-4, y a wave and noise. `lfp.interpolate(law, x, y)` and its values at n
further points take turns with `CubicSpline(x, y)` and its values at the same points, all sorted;
the same with a ridge (beside the spline, which smooths nothing), and the leave-one-out errors
alone. Best of 5.

Prints a table and writes results/interpolate_line.json next to this file.
"""

from typing import Any

import numpy as np
from _record import machine, side_by_side, write
from scipy.interpolate import CubicSpline

import lfp

LAW = lfp.TwoLayer("relu", sigma_a=1.0, sigma_w=1.0, sigma_b=10.0)
SIZES = (10_000, 100_000, 1_000_000)
RIDGE, REPEATS = 1e-6, 5


def samples(kind: str, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sorted x without repetition, y, and points between."""
    random = np.random.default_rng(0)
    x = random.uniform(-1, 1, n)
    if kind == "clustered":
        centres = random.uniform(-1, 1, 20)[random.integers(20, size=n)]
        x = centres + random.normal(size=n) * 10.0 ** random.uniform(-4, 0, n)
    x = np.unique(x)
    y = np.sin(20 * x) + 0.1 * random.normal(size=len(x))
    return x, y, np.sort(random.uniform(x[0], x[-1], n))


def row(kind: str, n: int) -> dict[str, Any]:
    """Times of one data set."""
    x, y, at = samples(kind, n)

    def ours(ridge: float) -> Any:
        limit = lfp.interpolate(LAW, x, y, ridge=ridge)
        limit(at)
        return limit

    runs = side_by_side(
        lambda: CubicSpline(x, y)(at),
        lambda: ours(0.0),
        lambda: ours(RIDGE),
        repeats=REPEATS,
    )
    (_, spline), (limit, plain), (smooth, ridged) = runs
    ((_, left_out),) = side_by_side(limit.leave_one_out, repeats=REPEATS)
    best = min(spline)
    return {
        "data": kind,
        "n": n,
        "spline_s": best,
        "interpolate_s": min(plain),
        "ratio": min(plain) / best,
        "ridge_ratio": min(ridged) / best,
        "leave_one_out_ratio": min(left_out) / best,
        "error_estimate": limit.status.error_estimate,
        "residual": limit.status.residual,
        "ridge_residual": smooth.status.residual,
        "condition": limit.status.condition,
    }


def main() -> None:
    here = machine("numpy", "scipy")
    rows = []
    print("data       n        spline, s  ours, s  ratio  ridge  leave-one-out  error  condition")
    for kind in ("uniform", "clustered"):
        for n in SIZES:
            one = row(kind, n)
            rows.append(one)
            print(
                f"{kind:10s} {n:<8d} {one['spline_s']:<10.3g} {one['interpolate_s']:<8.3g} "
                f"{one['ratio']:<6.2f} {one['ridge_ratio']:<6.1f} "
                f"{one['leave_one_out_ratio']:<14.2f} {one['error_estimate']:<6.0e} "
                f"{one['condition']:.0e}",
                flush=True,
            )
    settings = {"law": repr(LAW), "ridge": RIDGE, "repeats": REPEATS}
    write("interpolate_line", here, settings, rows)


if __name__ == "__main__":
    main()
