"""How the flows of finite width and finite sigma_b approach their limits."""

from dataclasses import replace

import jax
import numpy as np

import lfp
import nets
from compare.distances import distance
from compare.scaling.fitting import exponent
from compare.scaling.networks import antisymmetric_network, check_two_layer
from compare.scaling.record import Scaling
from compare.spectra._checks import ArrayLike, Real
from lfp import _checks as check


def in_width(
    law: lfp.Law,
    x: ArrayLike,
    y: ArrayLike,
    ts: ArrayLike,
    *,
    widths: ArrayLike,
    seeds: Real = 16,
    seed: Real = 0,
    level: Real = 0.95,
) -> Scaling:
    """Largest distance over time of linearised networks from the NTK flow, against their width m.

    The tangent kernel of a network is a mean over its m hidden units, so it differs from its limit
    by `m^(-1/2)`, and so do the flows at equal times (Lee et al. 2019, Wide neural networks of any
    depth evolve as linear models). The networks are antisymmetric and start at zero. They are
    linearised: trained ones also leave the NTK flow by the drift of their kernel, which is another
    law. With 3 or 4 seeds the exponent scatters between -0.36 and -0.63.

    Args:
        law: an `lfp.TwoLayer` with a named activation, Gaussian weights and trained w.
        x, y: samples, shape (n,) or (n, d), and values, shape (n,).
        ts: times, shape (T,); `lfp.times(law.ntk, x)`.
        widths: m, at least 3 different whole numbers, shape (P,).
        seeds: networks of each width, at least 2.
        seed: of all networks.
        level: of the interval.

    Returns:
        A `Scaling` with `values` of shape (seeds, P); the exponent is expected to be -1/2.

    Raises:
        ValueError: another law, widths that are not whole numbers of at least 1, and what
            `lfp.solve`, `nets.linearized_flow` and `compare.scaling.exponent` refuse.
        TypeError: if law is no `lfp.TwoLayer`, or an argument is of the wrong kind.
    """
    law = check_two_layer(law)
    counts = check.real_array("widths", widths, ndim=(1,))
    if ((counts < 1) | (counts % 1 != 0)).any():
        raise ValueError(f"widths must be whole numbers of at least 1, got {counts.tolist()}")
    seeds = check.integer("seeds", seeds, least=2)
    key = jax.random.key(check.integer("seed", seed, least=0))
    positions, values = _samples(x, y)
    flow = lfp.solve(law.ntk, positions, values, ts).fitted

    def largest(width: int) -> np.ndarray:
        def make(one: jax.Array) -> nets.Antisymmetric:
            return antisymmetric_network(law, one, dim=positions.shape[1], width=width)

        keys = jax.random.split(jax.random.fold_in(key, width), seeds)
        runs = nets.ensemble(
            make, keys, lambda net: nets.linearized_flow(net, positions, values, ts)
        )
        return distance(np.asarray(runs.fitted), flow, target=values).max(axis=-1)

    distances = np.stack([largest(int(width)) for width in counts], axis=1)
    found = exponent(counts, distances, level=level)
    return Scaling("distance from the NTK flow", "width m", counts, distances, found, -0.5)


def in_sigma_b(
    law: lfp.Law,
    x: ArrayLike,
    y: ArrayLike,
    ts: ArrayLike,
    *,
    sigma_bs: ArrayLike,
    level: Real = 0.95,
) -> Scaling:
    """Largest distance over time of the LFP flow from the NTK flow, against sigma_b.

    The LFP kernel is the limit of the NTK for wide biases; what it leaves out is of the order of
    `(sigma_w max|x| / sigma_b)^2`. All functions but the affine ones are learned at rates
    proportional to `1/sigma_b`, so the flows of every sigma_b are looked at at times proportional
    to it.

    Args:
        law: an `lfp.TwoLayer`; its own sigma_b is that of ts.
        x, y: samples, shape (n,) or (n, d), and values, shape (n,).
        ts: times at the law's sigma_b, shape (T,), multiplied by `sigma_b / law.sigma_b`.
        sigma_bs: at least 3 different positive numbers, shape (P,).
        level: of the interval.

    Returns:
        A `Scaling` with `values` of shape (P,); the exponent is expected to be -2.

    Raises:
        ValueError: a sigma_b that is not positive, or so small that the LFP kernel is indefinite on
            the samples (with what helps), and what `compare.scaling.exponent` refuses.
        TypeError: if law is no `lfp.TwoLayer`, or an argument is of the wrong kind.
    """
    law = check_two_layer(law)
    positions, values = _samples(x, y)
    times = check.time_points("ts", ts)
    deviations = check.real_array("sigma_bs", sigma_bs, ndim=(1,))

    def largest(sigma_b: float) -> float:
        other = replace(law, sigma_b=check.positive("sigma_bs", sigma_b))
        flows = [
            lfp.solve(kernel, positions, values, times * sigma_b / law.sigma_b).fitted
            for kernel in (other, other.ntk)
        ]
        return float(distance(*flows, target=values).max())

    distances = np.array([largest(float(sigma_b)) for sigma_b in deviations])
    found = exponent(deviations, distances, level=level)
    return Scaling(
        "distance of the LFP from the NTK flow", "sigma_b", deviations, distances, found, -2.0
    )


def _samples(x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Positions (n, d) and values (n,) of one output, not all 0."""
    positions, values = check.samples(x, y)
    if values.ndim != 1:
        raise ValueError(f"y must have shape (n,), values of one output, got {values.shape}")
    if not values.any():
        raise ValueError("y must differ from 0, where the flows start, got 0 at all samples")
    return positions, values
