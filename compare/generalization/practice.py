"""Networks trained on noisy data beside the prediction of when to stop."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import jax
import numpy as np

import lfp
import nets
from compare.generalization.early_stopping import best_times, early_stopping, risk_along
from compare.scaling.networks import antisymmetric_network, check_two_layer
from compare.spectra._checks import Real
from lfp import _checks as check
from lfp._checks import ArrayLike, Integer

if TYPE_CHECKING:
    import xarray

FLOWS = {"linearized": nets.linearized_flow, "gradient": nets.gradient_flow}


def stopping_of_networks(
    law: lfp.TwoLayer,
    x: ArrayLike,
    ts: ArrayLike,
    *,
    noise: Real,
    points: ArrayLike,
    target: Callable[..., ArrayLike],
    width: Integer,
    seeds: Real = 8,
    seed: Real = 0,
    flow: str = "linearized",
    lazy_scale: Real = 1.0,
) -> "xarray.Dataset":
    """Best times to stop of networks on noisy data, beside those that their law predicts.

    Every seed has its own network and its own noise. The networks are antisymmetric; what they are
    measured by is the mean square distance from f at the points, without noise. It holds what
    leaves a network of finite width and its law apart as well, so the prediction meets it as long
    as the square of that distance, which falls as 1/width, is below the least risk.

    Args:
        law: an `lfp.TwoLayer` with a named activation and Gaussian weights.
        x, ts, noise, points, target: as in `early_stopping`.
        width: hidden units of one copy.
        seeds: how many, at least 2.
        seed: of all networks and all noise.
        flow: "linearized" (`nets.linearized_flow`) or "gradient" (`nets.gradient_flow`, whose
            kernel drifts).
        lazy_scale: alpha of either flow; it leaves the linearized one as it is.

    Returns:
        Dataset with `risk` (source, time), `bias` and `variance` (source, time) and
        `predicted_time` (source) for the sources lfp and ntk, `measured_risk` (seed, time) and
        `measured_time` (seed), and `mean_risk` (time) and `mean_risk_time` of the mean over the
        seeds. Times are NaN where the least risk is not within ts.

    Raises:
        ValueError: an unknown flow, another law, and what `early_stopping`, the flow of the
            networks and `nets.ensemble` refuse.
        TypeError: if law is no `lfp.TwoLayer`, or an argument is of the wrong kind.
    """
    import xarray

    law = check_two_layer(law)
    follow = FLOWS[check.choice("flow", flow, tuple(FLOWS))]
    lazy_scale = check.positive("lazy_scale", lazy_scale)
    seeds, seed = check.integer("seeds", seeds, least=2), check.integer("seed", seed, least=0)
    at, places = check.points("x", x), check.points("points", points)
    times = check.time_points("ts", ts)
    clean = check.outputs_of("target", target, at)
    truth = check.outputs_of("target", target, places)
    predictions = [
        early_stopping(kernel, at, times, noise=noise, points=places, target=target, throw=False)
        for kernel in (law, law.ntk)
    ]
    errors = noise * np.random.default_rng(seed).normal(size=(seeds, len(at)))
    keys = jax.random.split(jax.random.key(seed), seeds)

    def measured(i: int) -> np.ndarray:
        net = antisymmetric_network(law, keys[i], dim=at.shape[1], width=width)
        run = follow(net, at, clean + errors[i], times, probe=places, lazy_scale=lazy_scale)
        return risk_along(np.asarray(run.probe, dtype=np.float64), truth)

    risks = np.stack([measured(i) for i in range(seeds)])
    return xarray.Dataset(
        {
            "risk": (("source", "time"), np.stack([one.risk for one in predictions])),
            "bias": (("source", "time"), np.stack([one.bias for one in predictions])),
            "variance": (("source", "time"), np.stack([one.variance for one in predictions])),
            "predicted_time": ("source", [one.best_time for one in predictions]),
            "measured_risk": (("seed", "time"), risks),
            "measured_time": ("seed", best_times(times, risks)),
            "mean_risk": ("time", risks.mean(axis=0)),
            "mean_risk_time": float(best_times(times, risks.mean(axis=0))),
        },
        coords={"source": ["lfp", "ntk"], "time": times, "seed": range(seeds)},
        attrs={
            "law": repr(law),
            "noise": float(noise),
            "width": int(width),
            "flow": flow,
            "lazy_scale": lazy_scale,
            "conventions": "risk: mean square distance from f at the points, in the unit of y^2; "
            "bias: squared; times where a risk is least",
        },
    )
