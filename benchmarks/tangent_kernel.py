"""How far are the tangent kernels of deep networks from the matrix products that they need?

`nets.tangent_kernel` forms the factors of the dense layers' gradients; the same network inside a
module of one's own has whole gradients, (n, parameters), the only way for any network. "Limit" are
the products alone, two for each layer: (n, inputs) and (n, outputs) matrices with their
transposes, multiplied entry by entry and summed, in one compiled program. float64, all three
compiled beforehand and taking turns in one process; the best round of each. "apart" is the largest
difference of the two kernels over the largest entry.

Prints a table and writes results/tangent_kernel.json next to this file.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is loaded
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import itertools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from _record import machine, side_by_side, write

import nets

# network, samples, rounds
CASES = (
    ("1-500-500-500-500-1", 300, 2),
    ("784-200-100-100-1", 1000, 2),
    ("1-100-100-1", 40, 20),
    ("two layers, d = 1, 1000", 300, 20),
    ("two layers, d = 100, 1000", 300, 10),
)


class Own(eqx.Module):
    """A network that `nets` knows nothing of."""

    net: Any

    def __call__(self, x: Any) -> jax.Array:
        """That of the network within."""
        return self.net(x)


def network(name: str) -> tuple[Any, tuple[int, ...]]:
    """tanh, and its widths."""
    key = jax.random.key(0)
    if name.startswith("two"):
        dim, width = (int(part) for part in name.removeprefix("two layers, d = ").split(", "))
        return nets.two_layer(key, dim=dim, width=width, activation="tanh"), (dim, width, 1)
    widths = tuple(map(int, name.split("-")))
    return nets.mlp(key, widths=widths, activation="tanh"), widths


def products(widths: tuple[int, ...], n: int) -> Callable[[], jax.Array]:
    """The products of random factors."""
    random = np.random.default_rng(0)
    factors = [
        tuple(jnp.asarray(random.normal(size=(n, width))) for width in pair)
        for pair in itertools.pairwise(widths)
    ]

    @jax.jit
    def kernel(factors: Any) -> Any:
        return sum((inputs @ inputs.T) * (slopes @ slopes.T) for inputs, slopes in factors)

    return lambda: kernel(factors).block_until_ready()


def row(name: str, n: int, rounds: int) -> dict[str, Any]:
    """Times of one network."""
    net, widths = network(name)
    x = np.random.default_rng(1).normal(size=(n, widths[0]))
    own, limit = Own(net), products(widths, n)
    calls = [
        limit,
        lambda: np.asarray(nets.tangent_kernel(net, x, x)),
        lambda: np.asarray(nets.tangent_kernel(own, x, x)),
    ]
    side_by_side(*calls, repeats=1)  # compiles
    times = side_by_side(*calls, repeats=rounds)
    least, ours, whole = (min(seconds) for _, seconds in times)
    found, expected = times[1][0], times[2][0]
    return {
        "network": name,
        "samples": n,
        "limit_s": least,
        "tangent_kernel_s": ours,
        "whole_gradients_s": whole,
        "gain": whole / ours,
        "over_limit": ours / least,
        "apart": float(np.abs(found - expected).max() / np.abs(expected).max()),
        "rounds": [seconds for _, seconds in times],
    }


def main() -> None:
    """Time, print, write."""
    here = machine("numpy", "jax", "jaxlib")
    rows = []
    print("network                    n     limit, s  ours, s  whole, s  gain    over limit  apart")
    for case in CASES:
        one = row(*case)
        rows.append(one)
        print(
            f"{one['network']:26s} {one['samples']:<5d} {one['limit_s']:<9.3g} "
            f"{one['tangent_kernel_s']:<8.3g} {one['whole_gradients_s']:<9.3g} "
            f"{one['gain']:<7.1f} {one['over_limit']:<11.2f} {one['apart']:.0e}",
            flush=True,
        )
    write("tangent_kernel", here, {"cases": CASES}, rows)


if __name__ == "__main__":
    main()
