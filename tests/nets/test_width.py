"""Finite networks approach the flow of the infinite-width kernel as width^(-1/2)."""

import jax
import numpy as np
import pytest
from scipy import stats

import nets

SIGMA_A, SIGMA_W, SIGMA_B = 1.0, 4.0, 10.0
X = np.linspace(-1, 1, 10)
Y = np.sin(4 * X) + 0.5 * np.cos(7 * X)


def infinite_kernel(x1, x2):
    """Jacot et al. 2018 for two ReLU layers in d = 1, angle by arctan2 of cross and dot product."""
    cross = SIGMA_W * SIGMA_B * np.abs(x2[None] - x1[:, None])
    dot = SIGMA_W**2 * np.outer(x1, x2) + SIGMA_B**2
    angle = np.arctan2(cross, dot)
    weights = cross + (np.pi - angle) * dot  # |X||X'| (sin + (pi - angle) cos)
    return weights / (2 * np.pi) + SIGMA_A**2 * (1 + np.outer(x1, x2)) * (np.pi - angle) / (
        2 * np.pi
    )


RATES, MODES = np.linalg.eigh(infinite_kernel(X, X) / len(X))
TS = np.logspace(1, 5, 9) / RATES[-1]
EXACT = Y - (np.exp(-np.outer(TS, RATES)) * (MODES.T @ Y)) @ MODES.T


def make(key, width):
    net = nets.two_layer(
        key, width=width, sigma_a=SIGMA_A, sigma_w=SIGMA_W, sigma_b=SIGMA_B, dtype="float64"
    )
    return nets.antisymmetric(net)


def distances(runs):
    """Relative distance of outputs over all times, one a seed."""
    return np.linalg.norm(runs.fitted - EXACT, axis=(1, 2)) / np.linalg.norm(EXACT)


def slope_with_interval(widths, errors):
    """Slope of log error against log width, and the half width of its 95 % interval."""
    x = np.repeat(np.log(widths), errors.shape[1])
    fit = stats.linregress(x, np.log(errors).ravel())
    return fit.slope, stats.t.ppf(0.975, len(x) - 2) * fit.stderr


def test_empirical_kernel_has_the_infinite_width_kernel_as_its_mean():
    kernels = np.array(
        [
            nets.tangent_kernel(make(key, 512).first, X, X)
            for key in jax.random.split(jax.random.key(8), 40)
        ]
    )
    error = kernels.mean(axis=0) - infinite_kernel(X, X)
    assert (np.abs(error) < 5 * kernels.std(axis=0) / np.sqrt(len(kernels))).all()


def test_linearised_networks_approach_the_infinite_width_as_its_inverse_square_root():
    widths = [64, 256, 1024, 4096]
    errors = np.array(
        [
            distances(
                nets.ensemble(
                    lambda key, width=width: make(key, width),
                    jax.random.split(jax.random.key(width), 16),
                    lambda net: nets.linearized_flow(net, X, Y, TS),
                )
            )
            for width in widths
        ]
    )
    slope, half = slope_with_interval(widths, errors)
    assert half < 0.15
    assert abs(slope + 0.5) < half + 0.05


@pytest.mark.slow
def test_trained_networks_at_large_lazy_scale_stand_beside_the_linearised_ones():
    for width in (64, 256):
        keys = jax.random.split(jax.random.key(width), 2)
        trained, linear = (
            nets.ensemble(lambda key, width=width: make(key, width), keys, run)
            for run in (
                lambda net: nets.gradient_flow(net, X, Y, TS, lazy_scale=100.0, rtol=1e-2),
                lambda net: nets.linearized_flow(net, X, Y, TS),
            )
        )
        beside = np.linalg.norm(trained.fitted - linear.fitted, axis=(1, 2)) / np.linalg.norm(EXACT)
        assert (beside < 0.05 * distances(linear)).all()


@pytest.mark.slow
def test_trained_networks_approach_the_infinite_width_as_its_inverse_square_root():
    widths = [64, 256, 1024, 4096]
    errors = np.array(
        [
            distances(
                nets.ensemble(
                    lambda key, width=width: make(key, width),
                    jax.random.split(jax.random.key(width), 16),
                    lambda net: nets.gradient_flow(net, X, Y, TS, lazy_scale=100.0, rtol=3e-3),
                )
            )
            for width in widths
        ]
    )
    slope, half = slope_with_interval(widths, errors)
    assert half < 0.2
    assert abs(slope + 0.5) < half + 0.05
