"""Plain, antisymmetric and doubled networks of the same seeds side by side."""

from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

import lfp
import nets
from compare import distances
from compare.initialization import _problem as problem
from compare.spectra._checks import Real
from lfp import _checks as check
from lfp._checks import ArrayLike, Number
from nets._keys import check_keys

if TYPE_CHECKING:
    import xarray

SCHEMES: dict[str, Callable[[Any], Any]] = {
    "plain": lambda net: net,
    "antisymmetric": nets.antisymmetric,
    "doubled": nets.doubled,
}
DIMS = {
    "initial": ("sample",),
    "fitted": ("time", "sample"),
    "probe": ("time", "point"),
    "error": ("time",),
    "excess": ("time",),
}
CONVENTIONS = (
    "Time: gradient flow of (1/2n) sum_i (h(x_i) - y_i)^2. initial, fitted: outputs at the "
    "samples, before and along training; probe: at the points; error: mean over the points of "
    "(probe - values)^2; excess: error minus that of the antisymmetric network of the same seed, "
    "what the initial output costs; *_mean, *_low, *_high: mean over the seeds between its "
    "confidence limits (bootstrap); half_time: first time with |fitted - y| <= |initial - y|/2, "
    "interpolated in log t; kernel_factor: the tangent kernel at the samples before training as a "
    "multiple of that of the plain network, by least squares, kernel_error: what is left of it, "
    "Frobenius norm relative to that of the plain one; reason: why a training ended."
)


def over_initializations(
    make: Any,
    keys: Any,
    x: ArrayLike,
    y: ArrayLike,
    points: ArrayLike,
    values: ArrayLike,
    ts: ArrayLike,
    *,
    trained: bool,
    lazy_scale: Number = 1.0,
    rtol: Number = 1e-3,
    level: Real = 0.95,
) -> "xarray.Dataset":
    """Learn the same data with plain networks, their antisymmetric pairs and their doublings.

    `h_ASI = (sqrt2/2) (h(., theta) - h(., theta'))`, theta'(0) = theta(0), has output zero and the
    tangent kernel of h; the doubling without sqrt2/2 has twice the kernel, hence half of all
    times. The plain network keeps `h_ini - h(.; 0, X, h_ini(X))` (Theorem 2).

    Args:
        make: key -> plain network of one output, as for `nets.ensemble`.
        keys: at least 2 JAX random keys, an array or a list of them, one for each seed; the same in
            all three.
        x: samples (n, d), or (n,) when d = 1.
        y: values (n,).
        points: where the error is measured, (m, d) or (m,).
        values: the target f at the points, (m,).
        ts: sorted finite times (T,), at least 2.
        trained: whether the networks themselves are followed, by `nets.gradient_flow`, or the
            linearised ones, by `nets.linearized_flow`.
        lazy_scale, rtol: of either.
        level: of the intervals over the seeds, see `compare.distances.over_seeds`.

    Returns:
        A Dataset over initialization, seed, time, sample and point; its variables stand in its
        attributes. A training that fails is NaN from then on, and `reason` tells why.

    Raises:
        ValueError: bad data, points, values, times, keys or options; y that is zero, or that a
            network has already.
        TypeError: arguments of a wrong kind.
        RuntimeError: JAX runs without float64.

    Source: Zhang, Xu, Luo, Ma 2020; lecture, the slide on ASI; Chizat, Oyallon, Bach 2019 for the
    doubling.
    """
    import xarray

    positions, known = problem.samples(x, y)
    where = problem.places(points, positions)
    target = problem.target_at(values, where)
    times = check.time_points("ts", ts)
    if len(times) < 2:
        raise ValueError(f"ts must be at least 2 times, got {len(times)}")
    alpha = check.positive("lazy_scale", lazy_scale)
    level = check.number("level", level, allowed="between 0 and 1", valid=lambda v: 0 < v < 1)
    check_keys(keys)
    if len(keys) < 2:
        raise ValueError(f"keys must be at least 2 random keys, got {len(keys)}")
    if not callable(make):
        raise TypeError(f"make must be a function key -> network, got {make!r:.60}")
    problem.check_unlearned(known, np.zeros_like(known), "zero")
    follow = nets.gradient_flow if trained else nets.linearized_flow

    def run(net: Any) -> nets.Run:
        options = {"lazy_scale": alpha, "rtol": rtol, "probe": where, "throw": False}
        return follow(net, positions, known, times, **options)

    measured = []
    for scheme in SCHEMES.values():
        runs = nets.ensemble(lambda key, scheme=scheme: scheme(make(key)), keys, run)
        fresh = [scheme(make(key)) for key in keys]
        initial = np.stack([alpha * np.asarray(net(positions), np.float64) for net in fresh])
        for i, start in enumerate(initial):
            problem.check_unlearned(known, start, f"the outputs of make(keys[{i}])")
        kernels = [nets.tangent_kernel(net, positions, positions) for net in fresh]
        measured.append(
            _of_runs(runs, known, target, initial) | {"kernel": np.asarray(kernels, np.float64)}
        )
    found = {name: np.stack([one[name] for one in measured]) for name in measured[0]}
    found |= _side_by_side(found.pop("kernel"), found["error"])
    variables: dict[str, Any] = {
        name: (("initialization", "seed", *DIMS.get(name, ())), array)
        for name, array in found.items()
    }
    for name in ("error", "excess"):
        mean = distances.over_seeds(np.swapaxes(found[name], 0, 1), level=level).mean
        for which, part in (("mean", mean.value), ("low", mean.low), ("high", mean.high)):
            variables[f"{name}_{which}"] = (("initialization", "time"), part)
    return xarray.Dataset(
        {
            **variables,
            "x": (("sample", "axis"), positions),
            "y": ("sample", known),
            "points": (("point", "axis"), where),
            "values": ("point", target),
        },
        coords={"initialization": list(SCHEMES), "seed": np.arange(len(keys)), "time": times},
        attrs={
            "trained": int(trained),
            "lazy_scale": alpha,
            "level": level,
            "conventions": CONVENTIONS,
            "version": version("linear-frequency-principle"),
        },
    )


def _of_runs(
    runs: nets.Run, y: np.ndarray, target: np.ndarray, initial: np.ndarray
) -> dict[str, np.ndarray]:
    """What is measured on the networks of one scheme, the seeds in front."""
    assert runs.ts is not None
    assert runs.probe is not None
    fitted = np.asarray(runs.fitted)
    left = distances.distance(fitted, np.broadcast_to(y, fitted.shape), target=y, initial=initial)
    return {
        "initial": initial,
        "fitted": fitted,
        "probe": np.asarray(runs.probe),
        "error": np.mean((runs.probe - target) ** 2, axis=-1),
        "half_time": lfp.half_times(runs.ts, left.T),
        "reason": np.array(runs.status.reason),
    }


def _side_by_side(kernels: np.ndarray, errors: np.ndarray) -> dict[str, np.ndarray]:
    """Kernels against those of the plain networks, errors against those of the antisymmetric."""
    names = list(SCHEMES)
    plain, free = kernels[names.index("plain")], errors[names.index("antisymmetric")]
    factor = np.sum(kernels * plain, axis=(-1, -2)) / np.sum(plain**2, axis=(-1, -2))
    apart = np.linalg.norm(kernels - factor[..., None, None] * plain, axis=(-1, -2))
    return {
        "kernel_factor": factor,
        "kernel_error": apart / np.linalg.norm(plain, axis=(-1, -2)),
        "excess": errors - free,
    }
