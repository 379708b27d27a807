"""The infinite-width kernel of networks whose parameters are the places of the kinks."""

import math
import sys

import jax
import numpy as np
import pytest
from scipy import integrate

import lfp
import nets

KEY = jax.random.key(0)
SIGMAS = {"sigma_w": 0.7, "sigma_r": 1.3, "sigma_l": 1.6}


def draw(dim, frozen, distribution="gaussian", key=KEY, width=3, **changed):
    return nets.two_layer_kinks(
        key,
        dim=dim,
        width=width,
        distribution=distribution,
        frozen_directions=frozen,
        **{**SIGMAS, **changed},
    )


def points(dim, count=4):
    x = np.random.default_rng(dim).uniform(-1, 1, (count, dim))
    x[-1] = 0.0
    return x


def check_mean(kernels, expected, largest):
    """Within the sampling error, which is at most the fraction `largest` of the kernel."""
    error = np.std(kernels, axis=0) / math.sqrt(len(kernels))
    assert error.max() < largest * np.abs(expected).max()
    assert (np.abs(np.mean(kernels, axis=0) - expected) <= 5 * error).all()


@pytest.mark.parametrize("distribution", ["gaussian", "uniform"])
@pytest.mark.parametrize("dim", [2, 5])
def test_kernel_is_the_mean_of_those_of_finite_networks(dim, distribution):
    """With frozen directions and, the difference being far better known, with trained ones."""
    x, both = points(dim), []
    for frozen in (True, False):
        keys = jax.random.split(KEY, 25)
        drawn = [draw(dim, frozen, distribution, key, 8000) for key in keys]
        both.append(np.array([nets.tangent_kernel(net, x, x) for net in drawn]))
    frozen, free = (nets.infinite_kernel(draw(dim, it, distribution), x, x) for it in (True, False))
    check_mean(both[0], frozen, 0.01)
    check_mean(both[1] - both[0], free - frozen, 0.02)


@pytest.mark.parametrize("distribution", ["gaussian", "uniform"])
def test_kernel_on_a_line_is_an_integral_over_the_kinks(distribution):
    """For both signs of r, products of the gradients in w, r and l times the density of l."""
    net, end = draw(1, False, distribution), math.sqrt(3) * 1.6
    density = {
        "gaussian": lambda l: math.exp(-((l / 1.6) ** 2) / 2) * net.density,  # noqa: E741
        "uniform": lambda l: net.density * (abs(l) < end),  # noqa: E741
    }[distribution]

    def products(l, sign, x, y):  # noqa: E741
        u, v = sign * x + l, sign * y + l
        return (1.3**2 * (u * v + 0.7**2) + 0.7**2 * u * v) * density(l) * (u > 0) * (v > 0)

    x, y = [-0.8, 0.0, 3.5], [0.3, -0.8]
    kernel = nets.infinite_kernel(net, x, y)
    for i, j in np.ndindex(3, 2):
        expected = 0.0
        for sign in (1, -1):
            places = sorted({max(-sign * x[i], -sign * y[j]), -end, end})
            expected += integrate.quad(
                products, -16, 16, (sign, x[i], y[j]), points=places, epsabs=1e-13
            )[0]
        assert kernel[i, j] == pytest.approx(expected / 2, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("dim", [1, 2, 3, 6])
def test_kernel_of_uniform_kinks_is_that_of_the_simplified_law_up_to_affine_functions(dim):
    net = draw(dim, True, "uniform", sigma_l=2.0)
    x = np.random.default_rng(0).uniform(-1, 1, (12, dim))
    r2, w2 = dim * 1.3**2, 0.7**2
    law = lfp.Simplified(r2=r2, w2=w2, r2w2=r2 * w2, scale=net.density)
    basis = np.linalg.qr(np.hstack([np.ones((12, 1)), x]))[0]
    project = np.eye(12) - basis @ basis.T
    kernel, expected = (
        project @ kernel @ project for kernel in (nets.infinite_kernel(net, x, x), law.kernel(x, x))
    )
    np.testing.assert_allclose(kernel, expected, atol=1e-9 * np.abs(expected).max())


def test_rotation_of_the_points_changes_nothing():
    x = points(3)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    net = draw(3, False)
    kernel = nets.infinite_kernel(net, x, x)
    np.testing.assert_allclose(nets.infinite_kernel(net, x @ turn, x @ turn), kernel, rtol=1e-9)
    np.testing.assert_allclose(kernel, kernel.T, rtol=1e-9)
    assert np.linalg.eigvalsh(kernel)[0] > 0


@pytest.mark.bits
def test_pairs_have_once_and_twice_the_kernel_and_need_no_other_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "neural_tangents", None)
    x, net = points(2), draw(2, True)
    kernel = nets.infinite_kernel(net, x, x)
    np.testing.assert_array_equal(nets.infinite_kernel(nets.antisymmetric(net), x, x), kernel)
    np.testing.assert_array_equal(nets.infinite_kernel(nets.doubled(net), x, x), 2 * kernel)


def test_points_beyond_uniform_kinks_are_refused():
    x = 3.0 * points(2)
    match = r"x1 and x2 must reach no further than the kinks .* = 0.5 \(uniform\), got points at 3"
    with pytest.raises(ValueError, match=match):
        nets.infinite_kernel(draw(2, False, "uniform", sigma_l=0.5), x, x)
