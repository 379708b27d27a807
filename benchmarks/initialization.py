"""How does the error that a random initial output leaves fall with the number of samples?

`compare.initialization.additional_error`, the exact expectation over fresh ReLU networks
(sigma_a = sigma_w = 1, sigma_b = 10), for the LFP kernel on uniform grids of [-1, 1]^d, as the mean
over midpoints of parts of the cells (four in d = 1, four in d = 2); beside it the mean over SEEDS
networks of width WIDTH with its 95 % interval, and the expectation for the exact tangent kernel.
The exponents are least-squares slopes of the logarithms, over all rows and between neighbours;
those of the networks in an interval over the seeds, each of which has its own slope.

Prints tables and writes results/initialization.json next to this file.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is loaded
os.environ.setdefault("OMP_NUM_THREADS", "1")

from typing import Any

import jax
import numpy as np
from _record import machine, write
from scipy import stats

import lfp
import nets
from compare import initialization

jax.config.update("jax_enable_x64", True)

SIDES = {1: (8, 16, 32, 64, 128, 256, 512), 2: (10, 14, 20, 28, 40)}
PARTS = {1: (1 / 8, 3 / 8, 5 / 8, 7 / 8), 2: (1 / 4, 3 / 4)}  # of a cell, an axis
SEEDS, WIDTH, SIGMA_B = 64, 1024, 10.0
LAW = lfp.TwoLayer(activation="relu", sigma_a=1.0, sigma_w=1.0, sigma_b=SIGMA_B)


def grid(axis: np.ndarray, dim: int) -> np.ndarray:
    """All positions (side^d, d)."""
    return np.stack(np.meshgrid(*[axis] * dim, indexing="ij"), axis=-1).reshape(-1, dim)


def row(side: int, dim: int, networks: list[Any]) -> dict[str, Any]:
    """Errors left on one grid."""
    axis = np.linspace(-1, 1, side)
    inner = (axis[:-1, None] + np.array(PARTS[dim]) * np.diff(axis)[:, None]).ravel()
    x, points = grid(axis, dim), grid(inner, dim)
    covariance = initialization.covariance_of(LAW)
    errors = {
        name: float(initialization.additional_error(kernel, covariance, x, points).mean())
        for name, kernel in (("lfp", LAW), ("ntk", LAW.ntk))
    }
    # values do not matter for what the initial output leaves
    measured = initialization.error_over_seeds(
        LAW, networks, x, np.zeros(len(x)), points, np.zeros(len(points))
    )
    mean = measured.additional_mean
    return {
        "dim": dim,
        "n": len(x),
        **errors,
        "networks": float(mean.value[0]),
        "low": float(mean.low[0]),
        "high": float(mean.high[0]),
        "seeds": measured.additional[:, 0].tolist(),
    }


def slope(rows: list[dict[str, Any]], key: str) -> float:
    """Exponent in n."""
    n, error = ([one[name] for one in rows] for name in ("n", key))
    return float(np.polyfit(np.log(n), np.log(error), 1)[0])


def exponents(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Slopes over all rows; of the seeds their mean with Student's 95 % interval."""
    logs = np.log([one["seeds"] for one in rows])
    of_seeds = np.polyfit(np.log([one["n"] for one in rows]), logs, 1)[0]
    half = stats.t.ppf(0.975, SEEDS - 1) * of_seeds.std(ddof=1) / np.sqrt(SEEDS)
    return {
        **{name: slope(rows, name) for name in ("lfp", "ntk", "networks")},
        "seeds": float(of_seeds.mean()),
        "seeds_half_width": float(half),
    }


def main() -> None:
    here = machine("numpy", "scipy", "jax")
    rows, found = [], {}
    for dim, sides in SIDES.items():
        keys = jax.random.split(jax.random.key(dim), SEEDS)
        networks = [nets.two_layer(key, dim=dim, width=WIDTH, sigma_b=SIGMA_B) for key in keys]
        print(f"d = {dim}\nn      LFP        slope  NTK        slope  networks (95 %)")
        mine: list[dict[str, Any]] = []
        for side in sides:
            mine.append(row(side, dim, networks))
            one, pair = mine[-1], mine[-2:]
            steps = [
                f"{slope(pair, name):.2f}" if len(pair) == 2 else "" for name in ("lfp", "ntk")
            ]
            print(
                f"{one['n']:<6d} {one['lfp']:<10.3e} {steps[0]:<6s} {one['ntk']:<10.3e} "
                f"{steps[1]:<6s} {one['networks']:.3e} ({one['low']:.3e} to {one['high']:.3e})",
                flush=True,
            )
        found[f"d={dim}"] = exponents(mine)
        print("exponents:", {name: round(value, 3) for name, value in found[f"d={dim}"].items()})
        rows += mine
    settings = {"seeds": SEEDS, "width": WIDTH, "law": repr(LAW), "exponents": found}
    write("initialization", here, settings, rows)


if __name__ == "__main__":
    main()
