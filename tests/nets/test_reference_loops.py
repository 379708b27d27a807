"""Training against loops written out from the definitions of the optimisers, without optax."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import nets

X = np.linspace(-1, 1, 6)
Y = np.sin(3 * X) + 0.3
NET = nets.two_layer(jax.random.key(0), width=30, activation="tanh", sigma_b=1.0)
STEPS, RATE = 40, 0.02


@jax.jit
def slopes_at(arrays):
    def loss(arrays):
        a, w, b = arrays
        outputs = jnp.tanh(X[:, None] * w + b) @ a / jnp.sqrt(len(a))
        return jnp.sum((outputs - Y) ** 2) / (2 * len(X))

    return jax.grad(loss)(arrays)


def descent(arrays, momentum):
    trace = [0.0] * 3
    for _ in range(STEPS):
        for i, slope in enumerate(slopes_at(arrays)):
            trace[i] = momentum * trace[i] + slope
        arrays = [array - RATE * change for array, change in zip(arrays, trace, strict=True)]
    return arrays


def adam(arrays, first, second):
    """Kingma and Ba 2015, algorithm 1, epsilon 1e-8 outside of the root."""
    mean, square = [0.0] * 3, [0.0] * 3
    for step in range(1, STEPS + 1):
        for i, slope in enumerate(slopes_at(arrays)):
            mean[i] = first * mean[i] + (1 - first) * slope
            square[i] = second * square[i] + (1 - second) * slope**2
            change = mean[i] / (1 - first**step)
            root = jnp.sqrt(square[i] / (1 - second**step))
            arrays[i] = arrays[i] - RATE * change / (root + 1e-8)
    return arrays


@pytest.mark.parametrize(
    ("optimizer", "loop"),
    [
        (optax.sgd(RATE), lambda arrays: descent(arrays, 0.0)),
        (optax.sgd(RATE, momentum=0.7), lambda arrays: descent(arrays, 0.7)),
        (optax.adam(RATE, b1=0.8, b2=0.99), lambda arrays: adam(arrays, 0.8, 0.99)),
    ],
    ids=["descent", "momentum", "adam"],
)
def test_optimisers_equal_their_definitions(optimizer, loop):
    run = nets.train(NET, X, Y, optimizer=optimizer, steps=STEPS, record_at=[STEPS])
    expected = loop([NET.a, NET.w[:, 0], NET.b])
    found = [run.net.a, run.net.w[:, 0], run.net.b]
    for one, other, start in zip(found, expected, [NET.a, NET.w[:, 0], NET.b], strict=True):
        assert np.abs(other - start).max() > 1e-2
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-13)
