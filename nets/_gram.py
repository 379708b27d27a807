"""Tangent kernels `J(x1) J(x2)^T` in blocks, within a budget of memory."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

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
    outputs: Outputs,
    parameters: Any,
    x1: Array,
    x2: Array | None,
    *,
    dtype: Any,
    memory: int = MEMORY,
) -> Array:
    """Tangent kernel (n1, n2), or (n1, n2, c, c), summed in `dtype`; x2=None is x1.

    The rows of both Jacobians are formed at once where `memory` bytes hold them, else for a block
    of points on each side, in the dtype of the parameters. Where it holds the rows of fewer than
    four points on a side, no row is formed but those of one point and output at a time: a column
    of the kernel is its product with the Jacobian at x1.
    """
    size, count, formed = sizes(outputs, parameters, x1)
    each = jnp.dtype(dtype).itemsize * count * (size + 2 * formed)
    other = x1 if x2 is None else x2
    if (len(x1) + (0 if x2 is None else len(x2))) * each <= memory:
        rows = _rows(outputs, parameters, x1, dtype)
        full = _contract(rows, rows if x2 is None else _rows(outputs, parameters, x2, dtype))
    elif (block := memory // (2 * each)) >= _FEWEST:
        full = _tiled(outputs, parameters, x1, x2, dtype, min(block, max(len(x1), len(other))))
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


def _rows(outputs: Outputs, parameters: Any, x: Array, dtype: Any) -> list[Array]:
    """Rows d f_a(x_i) / d theta, one array (n c, size) for each parameter array."""

    def at(parameters: Any, point: Array) -> Array:
        return outputs(parameters, point[None])[0]

    def gradients(point: Array) -> Any:
        value, pullback = jax.vjp(lambda parameters: at(parameters, point), parameters)
        basis = jnp.eye(value.size, dtype=value.dtype).reshape(value.size, *value.shape)
        return jax.vmap(pullback)(basis)[0]

    each = jax.tree.leaves(jax.vmap(gradients)(x))
    return [leaf.reshape(leaf.shape[0] * leaf.shape[1], -1).astype(dtype) for leaf in each]


def _contract(rows1: list[Array], rows2: list[Array]) -> Array:
    """Sum over the parameters, (n1 c, n2 c)."""
    return functools.reduce(jnp.add, (matmul(a, b.T) for a, b in zip(rows1, rows2, strict=True)))


def _tiled(
    outputs: Outputs, parameters: Any, x1: Array, x2: Array | None, dtype: Any, block: int
) -> Array:
    """All tiles; of a symmetric kernel those on the diagonal and above it, and their mirror."""
    left, right = blocks(x1, block), blocks(x1 if x2 is None else x2, block)

    def band(given: tuple[Array, Array]) -> Array:
        i, points = given
        rows = _rows(outputs, parameters, points, dtype)
        length = len(rows[0])

        def tile(given: tuple[Array, Array]) -> Array:
            j, points = given
            if x2 is not None:
                return _contract(rows, _rows(outputs, parameters, points, dtype))
            return jax.lax.cond(
                j >= i,
                lambda: _contract(rows, _rows(outputs, parameters, points, dtype)),
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
