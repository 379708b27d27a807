"""How far training moves the tangent kernel and the parameters of a network."""

from collections.abc import Callable
from itertools import groupby
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from nets._checks import ArrayLike, as_points, check_network, check_same_dimension
from nets._frozen import split
from nets.run import Run, kernel_at, reached, unstack


def kernel_drift(run: Run, initial: Any, x: ArrayLike) -> Float[np.ndarray, "*seeds T"]:
    """Relative change of the tangent kernel along a run, `|K(t) - K(0)|_F / |K(0)|_F`.

    K is the kernel K(x, x) of the network recorded at each time, in the Frobenius norm (Lee, Xiao
    et al. 2019, fig. 1); K(0) and one more are held at a time. Zero on an infinitely wide network,
    in the limit of a large lazy scale, and at t = 0.

    Args:
        run: with record="networks".
        initial: the network before the run; for an ensemble, all of them stacked, such as
            `equinox.filter_vmap(make)(keys)` gives.
        x: points (n1, d), or (n1,) when d = 1.

    Returns:
        (T,); (seeds, T) for an ensemble. NaN where no network was reached.

    Raises:
        ValueError, TypeError: networks were not recorded, initial is another network than that of
            the run, or bad points.
    """
    points = as_points("x", x)
    check_same_dimension("x", points, run.x)

    return _along(run, initial, lambda net: np.asarray(kernel_at(net, points), np.float64))


def parameter_drift(run: Run, initial: Any) -> Float[np.ndarray, "*seeds T"]:
    """Relative change of the parameters along a run, `|theta(t) - theta(0)| / |theta(0)|`.

    Over all trained parameters together (Lee, Xiao et al. 2019, fig. 1).

    Args:
        run: with record="networks".
        initial: the network before the run; for an ensemble, all of them stacked, such as
            `equinox.filter_vmap(make)(keys)` gives.

    Returns:
        (T,); (seeds, T) for an ensemble. NaN where no network was reached.

    Raises:
        ValueError, TypeError: networks were not recorded, or initial is another network than that
            of the run.
    """

    def parameters(net: Any) -> np.ndarray:
        leaves = jax.tree.leaves(split(net)[0])
        return np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in leaves])

    return _along(run, initial, parameters)


def _along(run: Run, initial: Any, quantity: Callable[[Any], np.ndarray]) -> np.ndarray:
    """`|q(t) - q(0)| / |q(0)|` of a quantity of the networks of a run."""
    if not isinstance(run, Run):
        raise TypeError(f"run must be a Run such as nets.gradient_flow gives, got {run!r:.60}")
    check_network(initial)
    if _shapes(initial) != _shapes(run.net):
        raise ValueError(
            "initial must be the network that the run began with, got one with parameters of "
            f"other shapes: {initial!r:.60}"
        )
    drift = np.full(run.loss.shape, np.nan)
    for seed, found in groupby(reached(run), key=lambda pair: pair[0][:-1]):
        start = quantity(unstack(initial, *seed) if seed else initial)
        for index, net in found:
            drift[index] = np.linalg.norm(quantity(net) - start) / np.linalg.norm(start)
    return drift


def _shapes(net: Any) -> list[tuple[int, ...]]:
    return [leaf.shape for leaf in jax.tree.leaves(split(net)[0])]
