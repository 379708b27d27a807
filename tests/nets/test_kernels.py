"""The tangent kernel against formulas, differences and the infinite width."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nets


def relu_kernel_by_hand(net, x1, x2):
    a, w, b = (np.asarray(part) for part in (net.a, net.w, net.b))
    total = np.zeros((len(x1), len(x2)))
    for a_j, w_j, b_j in zip(a, w, b, strict=True):
        z1, z2 = x1 @ w_j + b_j, x2 @ w_j + b_j
        active = np.outer(z1 > 0, z2 > 0)
        total += active * (np.outer(z1, z2) + a_j**2 * (1 + x1 @ x2.T))
    return total / len(a)


def test_relu_kernel_is_the_sum_over_hidden_units():
    net = nets.two_layer(jax.random.key(0), dim=2, width=30, sigma_b=2.0)
    rng = np.random.default_rng(0)
    x1, x2 = rng.normal(size=(6, 2)), rng.normal(size=(4, 2))
    kernel = nets.tangent_kernel(net, x1, x2)
    np.testing.assert_allclose(kernel, relu_kernel_by_hand(net, x1, x2), rtol=1e-12)


def test_tanh_kernel_agrees_with_finite_differences():
    net = nets.two_layer(jax.random.key(1), width=6, activation="tanh", sigma_b=1.0)
    x = np.linspace(-1, 1, 5)
    leaves, structure = jax.tree.flatten(net)
    rows, step = [], 1e-6
    for i, leaf in enumerate(leaves):
        for j in range(leaf.size):
            outputs = []
            for sign in (1, -1):
                moved = np.array(leaf).ravel()
                moved[j] += sign * step
                changed = [*leaves[:i], moved.reshape(leaf.shape), *leaves[i + 1 :]]
                outputs.append(np.asarray(jax.tree.unflatten(structure, changed)(x)))
            rows.append((outputs[0] - outputs[1]) / (2 * step))
    jacobian = np.array(rows).T
    np.testing.assert_allclose(nets.tangent_kernel(net, x, x), jacobian @ jacobian.T, rtol=1e-8)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**31), activation=st.sampled_from(["relu", "tanh", "gaussian"]))
def test_kernel_is_symmetric_and_positive_semidefinite(seed, activation):
    net = nets.two_layer(jax.random.key(seed), width=20, activation=activation, sigma_b=2.0)
    x = np.random.default_rng(seed).uniform(-1, 1, 8)
    kernel = np.asarray(nets.tangent_kernel(net, x, x))
    np.testing.assert_allclose(kernel, kernel.T, rtol=1e-13)
    rates = np.linalg.eigvalsh(kernel)
    assert rates[0] >= -1e-13 * rates[-1]


@pytest.mark.filterwarnings("ignore:the tangent kernel has a condition number:UserWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kernel_does_not_depend_on_the_dtype_beyond_rounding(dtype):
    net = nets.two_layer(jax.random.key(4), width=50, dtype=dtype)
    wide = jax.tree.map(lambda leaf: leaf.astype("float64"), net)
    x = np.linspace(-1, 1, 6)
    rounding = 1e-5 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(
        nets.tangent_kernel(net, x, x), nets.tangent_kernel(wide, x, x), rtol=rounding
    )
