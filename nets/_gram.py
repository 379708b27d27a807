"""Tangent kernels `J(x1) J(x2)^T` in blocks, within a budget of memory."""

import functools
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from nets._rows import Part, rows
from nets.networks.layers import matmul

MEMORY = 2**28
"""Bytes of a block, where nothing else is asked for."""
_FEWEST = 4
"""Blocks of fewer points than this are slower than products."""

Outputs = Callable[[Any, Array], Array]
"""(parameters, points (n, d)) -> outputs (n,) or (n, c)."""


def sizes(outputs: Outputs, parameters: Any, x: Array) -> tuple[int, int, int]:
    """Number of parameters, of outputs c, and of values that a forward pass forms for a point."""
    leaves = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), parameters)

    def formed(points: int) -> int:
        given = jax.ShapeDtypeStruct((points, *x.shape[1:]), x.dtype)
        steps = jax.make_jaxpr(outputs)(leaves, given).jaxpr.eqns
        return sum(math.prod(value.aval.shape) for step in steps for value in step.outvars)

    count = math.prod(jax.eval_shape(outputs, leaves, x).shape[1:])
    # what does not grow with the number of points is no part of a point
    return sum(leaf.size for leaf in jax.tree.leaves(leaves)), count, formed(2) - formed(1)


def blocks(x: Array, size: int) -> Array:
    """x as (count, size, d), filled up with copies of the last point."""
    count = math.ceil(len(x) / size)
    rest = ((0, 0),) * (x.ndim - 1)
    padded = jnp.pad(x, ((0, count * size - len(x)), *rest), mode="edge")
    return padded.reshape(count, size, *x.shape[1:])


def gram(
    static: Any,
    parameters: Any,
    x1: Array,
    x2: Array | None,
    *,
    dtype: Any,
    memory: int = MEMORY,
) -> Array:
    """Tangent kernel (n1, n2), or (n1, n2, c, c), summed in `dtype`; x2=None is x1.

    The rows of both Jacobians, or their factors, are formed at once where `memory` bytes hold
    them, else for a block of points on each side, in the dtype of the parameters. Where it holds
    those of fewer than four points on a side, no row is formed but those of one point and output
    at a time: a column of the kernel is its product with the Jacobian at x1.
    """

    def outputs(parameters: Any, x: Array) -> Array:
        return eqx.combine(parameters, static)(x)

    def rows_at(x: Array) -> list[Part]:
        return rows(static, parameters, x, dtype)

    _, count, formed = sizes(outputs, parameters, x1)
    size = sum(part.size for part in jax.tree.leaves(jax.eval_shape(rows_at, x1[:1])))
    each = jnp.dtype(dtype).itemsize * (size + 2 * count * formed)
    other = x1 if x2 is None else x2
    if (len(x1) + (0 if x2 is None else len(x2))) * each <= memory:
        left = rows_at(x1)
        full = _contract(left, left if x2 is None else rows_at(x2))
    elif (block := memory // (2 * each)) >= _FEWEST:
        full = _tiled(rows_at, x1, x2, min(block, max(len(x1), len(other))))
    else:
        full = _by_products(
            outputs, parameters, x1, other, block_of_points(x1, formed, memory)
        ).astype(dtype)
    full = full.reshape(len(x1), count, len(other), count)
    if jax.eval_shape(outputs, parameters, x1).ndim == 1:
        return full[:, 0, :, 0]
    return full.transpose(0, 2, 1, 3)


def block_of_points(x: Array, formed: int, memory: int) -> int:
    """Points whose forward pass and its derivative fit into `memory` bytes, at least one."""
    return max(1, min(len(x), memory // max(1, 2 * formed * x.dtype.itemsize)))


def _contract(left: list[Part], right: list[Part]) -> Array:
    """Sum over the parameters, (n1 c, n2 c)."""
    return functools.reduce(jnp.add, map(_product, left, right))


def _product(left: Part, right: Part) -> Array:
    """Scalar products of the gradients by the same parameters, (n1 c, n2 c)."""
    (n1, c), n2 = left.slopes.shape[:2], len(right.slopes)
    of_slopes = matmul(left.slopes.reshape(n1 * c, -1), right.slopes.reshape(n2 * c, -1).T)
    if left.inputs is None or right.inputs is None:
        return of_slopes
    of_inputs = matmul(left.inputs, right.inputs.T)[:, None, :, None]
    return (of_inputs * of_slopes.reshape(n1, c, n2, c)).reshape(n1 * c, n2 * c)


def _tiled(
    rows_at: Callable[[Array], list[Part]], x1: Array, x2: Array | None, block: int
) -> Array:
    """All tiles; of a symmetric kernel those on the diagonal and above it, and their mirror."""
    left, right = blocks(x1, block), blocks(x1 if x2 is None else x2, block)

    def band(given: tuple[Array, Array]) -> Array:
        i, points = given
        here = rows_at(points)
        length, dtype = math.prod(here[0].slopes.shape[:2]), here[0].slopes.dtype

        def tile(given: tuple[Array, Array]) -> Array:
            j, points = given
            if x2 is not None:
                return _contract(here, rows_at(points))
            return jax.lax.cond(
                j >= i,
                lambda: _contract(here, rows_at(points)),
                lambda: jnp.zeros((length, length), dtype),
            )

        tiles = jax.lax.map(tile, (jnp.arange(len(right)), right))
        return jnp.moveaxis(tiles, 0, 1).reshape(length, -1)

    bands = jax.lax.map(band, (jnp.arange(len(left)), left))
    full = bands.reshape(-1, bands.shape[-1])
    if x2 is None:
        place = jnp.arange(len(full)) // bands.shape[1]
        full = jnp.where(place[:, None] <= place, full, full.T)
    count = bands.shape[1] // block
    return full[: len(x1) * count, : count * (len(x1) if x2 is None else len(x2))]


def _by_products(
    outputs: Outputs, parameters: Any, x1: Array, x2: Array, block: int
) -> Float[Array, "n1 c n2 c"]:
    """Columns `J(x1) (J(x2)^T e)`, one point of x2 and one output e at a time."""

    def columns(point: Array) -> Array:
        value, pullback = jax.vjp(lambda parameters: outputs(parameters, point[None]), parameters)

        def column(unit: Array) -> Array:
            return push(outputs, parameters, x1, pullback(unit)[0], block).reshape(len(x1), -1)

        basis = jnp.eye(value.size, dtype=value.dtype)
        return jax.lax.map(column, basis.reshape(value.size, *value.shape))

    return jax.lax.map(columns, x2).transpose(2, 3, 0, 1)


def push(outputs: Outputs, parameters: Any, x: Array, direction: Any, block: int) -> Array:
    """`J(x) direction`, (n,) or (n, c), for `block` points at a time."""

    def along(points: Array) -> Array:
        return jax.jvp(lambda at: outputs(at, points), (parameters,), (direction,))[1]

    moved = jax.lax.map(along, blocks(x, block))
    return moved.reshape(-1, *moved.shape[2:])[: len(x)]


def pull(outputs: Outputs, parameters: Any, x: Array, v: Array, block: int) -> Any:
    """`J(x)^T v`, shaped like the parameters, for `block` points at a time."""
    padded = blocks(x, block)
    rest = ((0, 0),) * (v.ndim - 1)
    weights = jnp.pad(v, ((0, padded.shape[0] * block - len(v)), *rest))  # copies count nothing

    def add(total: Any, given: tuple[Array, Array]) -> tuple[Any, None]:
        points, part = given
        _, pullback = jax.vjp(lambda at: outputs(at, points), parameters)
        return jax.tree.map(jnp.add, total, pullback(part)[0]), None

    start = jax.tree.map(jnp.zeros_like, parameters)
    return jax.lax.scan(add, start, (padded, weights.reshape(*padded.shape[:2], *v.shape[1:])))[0]
