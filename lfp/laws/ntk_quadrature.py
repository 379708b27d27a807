"""Exact tangent kernels by quadrature over weights and biases."""

import numpy as np
from scipy.special import ndtr

from lfp.activations import Activation
from lfp.distributions import Distribution
from lfp.quadrature import CHUNK, panels

PAIRS_UP_TO = 10_000  # of them, in d = 2; beyond, features in common are faster
NARROWEST = 1 / 16  # panels; with narrower ones a point takes minutes
BIAS_END = 8.5  # in standard deviations: what lies beyond weighs 2e-17


def by_features(
    activation: Activation,
    values: Distribution,
    slopes: Distribution,
    sigma_b: float,
    x1: np.ndarray,
    x2: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """`E sigma(s) sigma(s')` and `E sigma'(s) sigma'(s')`, `s = w.x + b`, in d = 1 and 2.

    One rule over (w, b) for all pairs, so that the matrices are `F W F^T` and positive
    semidefinite. `slopes` is the distribution of w under which the second mean is taken.
    """
    dim = x1.shape[1]
    together = np.concatenate([x1, x2])
    radius = np.linalg.norm(together, axis=1).max()
    spread = float(np.linalg.norm(np.ptp(together, axis=0)))
    widest = activation.width / spread if spread > 0 else np.inf
    w, value_weights = values.rule(dim, widest)
    share = np.stack([value_weights, slopes.rule(dim, widest)[1]])
    b, b_weights = _biases(activation, sigma_b, np.linalg.norm(w, axis=1).max() * radius)
    result = np.zeros((2, len(x1), len(x2)))
    rows = max(CHUNK // (len(together) * len(b)), 1)
    for start in range(0, len(w), rows):
        part = slice(start, start + rows)
        s1, s2 = ((x @ w[part].T)[:, :, None] + b for x in (x1, x2))
        for k, function in enumerate((activation.value, activation.slope)):
            weights = np.outer(share[k, part], b_weights).ravel()
            first = function(s1).reshape(len(x1), -1) * weights
            result[k] += first @ function(s2).reshape(len(x2), -1).T
    return result[0], result[1]


def _biases(activation: Activation, sigma_b: float, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Rule for the mean over b of functions that are affine for `|b| > reach + shift`."""
    end = BIAS_END * sigma_b
    inner = min(activation.reach + shift, end)
    core, core_weights = panels(np.array([-inner, 0.0, inner]), min(activation.width, 2 * sigma_b))
    tail, tail_weights = panels(np.array([inner, end]), 2 * sigma_b)
    if inner == end:
        tail, tail_weights = np.empty(0), np.empty(0)
    b = np.concatenate([-tail[::-1], core, tail])
    weights = np.concatenate([tail_weights[::-1], core_weights, tail_weights])
    weights = weights * np.exp(-((b / sigma_b) ** 2) / 2)
    return b, weights / weights.sum()


def by_pairs(
    activation: Activation, sigma_w: float, sigma_b: float, x1: np.ndarray, x2: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The same two means for Gaussian w in any d, pair by pair.

    With `delta = s' - s = sigma_w |z| g` and the mean m of s and s', which given g is Gaussian
    around `sigma_w g (x + x').z/(2 |z|)`, the mean over m is that of the asymptotes, closed,
    and of the rest, which vanishes outside `|m| < reach + |delta|/2`.
    """
    result = np.empty((2, len(x1), len(x2)))
    symmetric = x1.shape == x2.shape and bool((x1 == x2).all())
    for i, x in enumerate(x1):
        for j, other in enumerate(x2):
            if symmetric and j < i:
                result[:, i, j] = result[:, j, i]
                continue
            z, centre = other - x, (x + other) / 2
            distance = float(np.linalg.norm(z))
            along = float(centre @ z) / distance if distance > 0 else 0.0
            across = max(float(centre @ centre) - along**2, 0.0)
            deviation = float(np.sqrt(sigma_b**2 + sigma_w**2 * across))
            result[:, i, j] = _pair(activation, sigma_w * distance, sigma_w * along, deviation)
    return result[0], result[1]


def _pair(
    activation: Activation, distance: float, along: float, deviation: float
) -> tuple[float, float]:
    widest = min(BIAS_END / 2, 2 * activation.width / distance if distance > 0 else np.inf)
    g, g_weights = panels(np.array([-BIAS_END, 0.0, BIAS_END]), widest)
    g_weights = g_weights * np.exp(-(g**2) / 2)
    g_weights /= g_weights.sum()
    delta, mean = distance * g, along * g
    inner = activation.reach + np.abs(delta).max() / 2
    m, m_weights = panels(np.array([-inner, 0.0, inner]), min(activation.width, 2 * deviation))
    density = np.exp(-(((m - mean[:, None]) / deviation) ** 2) / 2)
    density /= np.sqrt(2 * np.pi) * deviation
    ends = m - delta[:, None] / 2, m + delta[:, None] / 2
    sides = (activation.left, activation.right)
    flat = ((0.0, activation.left[0]), (0.0, activation.right[0]))
    means = []
    for function, (left, right) in ((activation.value, sides), (activation.slope, flat)):
        alpha, beta = np.where(m[:, None] < 0, left, right).T
        product = (alpha * m + beta) ** 2 - (alpha * delta[:, None] / 2) ** 2
        rest = ((function(ends[0]) * function(ends[1]) - product) * density) @ m_weights
        outer = _asymptotic(left, mean, deviation, delta, -1)
        outer += _asymptotic(right, mean, deviation, delta, 1)
        means.append(float(g_weights @ (rest + outer)))
    return means[0], means[1]


def _asymptotic(
    side: tuple[float, float], mean: np.ndarray, deviation: float, delta: np.ndarray, sign: int
) -> np.ndarray:
    """`E [(alpha m + beta)^2 - alpha^2 delta^2/4]` over the half line of this sign of m."""
    alpha, beta = side
    u = sign * mean / deviation
    share = ndtr(u)
    density = np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)
    first = sign * deviation * (u * share + density)
    second = deviation**2 * ((1 + u**2) * share + u * density)
    return alpha**2 * (second - delta**2 / 4 * share) + 2 * alpha * beta * first + beta**2 * share
