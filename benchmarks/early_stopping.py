"""Is the best time to stop, predicted before any training, that of networks on noisy data?

Samples `y = sin(2 pi x) + cos(6 x)/2 + noise` on [-1, 1]; the risk is the mean square distance
from the noise-free function on 200 points. Predicted by `compare.generalization.early_stopping`
from the law, the samples and the level of the noise; measured on linearised antisymmetric networks
(8 seeds of network and noise each) of several widths, and on trained ones with a lazy scale.
"ratio" is the median over the seeds of measured/predicted time, "cost" the median of the risk at
the predicted time over the least one. The error of a network of finite width counts as risk too:
where its square is not below the least risk, the prediction is too early, as narrow networks with
little noise show.

Prints a table and writes results/early_stopping.json next to this file.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is loaded
os.environ.setdefault("OMP_NUM_THREADS", "1")

from typing import Any

import jax
import numpy as np
from _record import machine, write

import lfp
from compare import generalization

jax.config.update("jax_enable_x64", True)

LAW = lfp.TwoLayer(sigma_a=1.0, sigma_w=1.0, sigma_b=5.0)
N, POINTS = 40, np.linspace(-1, 1, 200)
# noise, width, flow, lazy scale, seeds, decades of time
CASES = (
    (0.4, 2048, "linearized", 1.0, 8, 8),
    (0.2, 2048, "linearized", 1.0, 8, 8),
    (0.1, 2048, "linearized", 1.0, 8, 8),
    (0.1, 8192, "linearized", 1.0, 8, 8),
    (0.1, 32768, "linearized", 1.0, 8, 8),
    (0.4, 2048, "gradient", 30.0, 4, 6),
    (0.4, 2048, "gradient", 1000.0, 4, 6),
)


def target(x: np.ndarray) -> np.ndarray:
    """The noise-free function."""
    return np.sin(2 * np.pi * x) + 0.5 * np.cos(6 * x)


def row(
    noise: float, width: int, flow: str, lazy_scale: float, seeds: int, decades: int
) -> dict[str, Any]:
    """One case."""
    x = np.linspace(-1, 1, N)
    ts = lfp.times(LAW.ntk, x, decades=decades, points=15 * decades)
    found = generalization.stopping_of_networks(
        LAW,
        x,
        ts,
        noise=noise,
        points=POINTS,
        target=target,
        width=width,
        seeds=seeds,
        flow=flow,
        lazy_scale=lazy_scale,
    )
    predicted = float(found["predicted_time"].sel(source="lfp"))
    measured = found["measured_time"].to_numpy()
    risks = found["measured_risk"].to_numpy()
    there = np.array([np.interp(np.log(predicted), np.log(ts), risk) for risk in risks])
    return {
        "noise": noise,
        "width": width,
        "flow": flow,
        "lazy_scale": lazy_scale,
        "predicted": predicted / ts[0],
        "predicted_ntk": float(found["predicted_time"].sel(source="ntk")) / ts[0],
        "measured": (measured / ts[0]).tolist(),
        "ratio": float(np.nanmedian(measured / predicted)),
        "of_mean_risk": float(found["mean_risk_time"]) / predicted,
        "cost": float(np.median(there / risks.min(axis=1))),
        "least_risk": float(found["mean_risk"].min()),
        "last_risk": float(found["mean_risk"][-1]),
    }


def main() -> None:
    here = machine("numpy", "jax")
    rows = []
    print("noise width  flow        predicted  ratio  of mean risk  cost  least risk  last risk")
    for case in CASES:
        one = row(*case)
        rows.append(one)
        print(
            f"{one['noise']:<5g} {one['width']:<6d} {one['flow']:11s} {one['predicted']:<10.3g} "
            f"{one['ratio']:<6.2f} {one['of_mean_risk']:<13.2f} {one['cost']:<5.2f} "
            f"{one['least_risk']:<11.2g} {one['last_risk']:.2g}",
            flush=True,
        )
        write("early_stopping", here, {"law": repr(LAW), "samples": N}, rows)


if __name__ == "__main__":
    main()
