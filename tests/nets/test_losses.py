"""Losses of the outputs: values against other people's, derivatives against JAX's."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import special

import nets
from nets.losses import as_objective, scaled

RNG = np.random.default_rng(0)
N, C = 8, 3
X = np.arange(N)[:, None] / N + 0.3
ONE, SEVERAL = jnp.asarray(RNG.normal(size=N)), jnp.asarray(RNG.normal(size=(N, C)))
Y_ONE, Y_SEVERAL = RNG.normal(size=N), RNG.normal(size=(N, C))
BINARY, CLASSES = RNG.integers(0, 2, N), RNG.integers(0, C, N)
SHARES = RNG.dirichlet(np.ones(C), N)
RHO = RNG.uniform(0.5, 1.5, N)
RHO /= RHO.mean()
CHI = np.sin(np.pi * (X[:, 0] - 0.3)) ** 2
XI = np.fft.fftfreq(N, 1 / N)
WEIGHTS = RNG.uniform(size=N)
QUARTIC = nets.Loss(lambda r: r**2 / 2 + r**4, lambda r: r + 4 * r**3)
STAGES = nets.FourierStages(XI, np.stack([WEIGHTS, WEIGHTS[::-1]]), [1, 2])


def decaying(t):
    return WEIGHTS * jnp.exp(-t)


def objective(loss, y, outputs):
    return as_objective(loss, X, y, outputs)


RESIDUAL = (
    "mse",
    3.5,
    "logistic",
    "huber",
    QUARTIC,
    nets.Fourier(XI, WEIGHTS),
    nets.Fourier(XI[:3], lambda t: decaying(t)[:3]),
    STAGES,
)
WEIGHTED = tuple(nets.Weighted(loss, rho=RHO, chi=CHI) for loss in RESIDUAL)
CASES = [
    *((loss, Y_ONE, ONE) for loss in RESIDUAL),
    *((loss, Y_SEVERAL, SEVERAL) for loss in WEIGHTED),
    ("cross-entropy", BINARY, ONE),
    ("cross-entropy", CLASSES, SEVERAL),
    ("cross-entropy", SHARES, SEVERAL),
    (nets.Weighted("cross-entropy", rho=RHO), BINARY, ONE),
    (nets.Weighted("cross-entropy", rho=RHO), CLASSES, SEVERAL),
]


@eqx.filter_jit
def derivatives(found, outputs, t):
    """Gradient and curvature as a matrix, from the loss itself and by automatic differentiation."""
    units = jnp.eye(outputs.size).reshape(-1, *outputs.shape)
    matrix = jax.vmap(lambda v: found.curvature(outputs, t, v))(units)
    slope = jax.grad(lambda h: found.value(h, t))(outputs)
    hessian = jax.jacfwd(lambda h: found.gradient(h, t))(outputs)
    square = (outputs.size, outputs.size)
    return found.gradient(outputs, t), slope, matrix.reshape(square), hessian.reshape(square)


def check_derivatives(found, outputs):
    gradient, slope, matrix, hessian = derivatives(found, outputs, 0.3)
    np.testing.assert_allclose(gradient, slope, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(matrix, hessian, rtol=1e-9, atol=1e-14)
    assert np.linalg.eigvalsh(matrix).min() > -1e-14
    assert np.abs(matrix).max() > 1e-4


@pytest.mark.parametrize(("loss", "y", "outputs"), CASES)
def test_gradient_and_curvature_are_the_derivatives_of_the_value(loss, y, outputs):
    check_derivatives(objective(loss, y, outputs), outputs)


@pytest.mark.parametrize("loss", [3.5, nets.Fourier(XI, WEIGHTS)])
def test_lazy_scale_is_within_the_derivatives(loss):
    found = scaled(objective(loss, Y_ONE, ONE), 3.0, jnp.float64)
    check_derivatives(found, ONE)
    plain = objective(loss, Y_ONE, ONE)
    np.testing.assert_allclose(found.value(ONE, 0), plain.value(3 * ONE, 0) / 9, rtol=1e-14)


def test_curvature_takes_zero_where_the_loss_is_not_convex():
    cauchy = nets.Loss(lambda r: jnp.log1p(r**2) / 2, lambda r: r / (1 + r**2))
    r = jnp.linspace(-3, 3, N)
    found = objective(cauchy, np.zeros(N), r)
    expected = np.maximum((1 - r**2) / (1 + r**2) ** 2, 0) / N
    np.testing.assert_allclose(found.curvature(r, 0, jnp.ones(N)), expected, atol=1e-15)
    assert (expected == 0).any()
    assert (expected > 0).any()


@pytest.mark.parametrize(("y", "outputs"), [(Y_ONE, ONE), (Y_SEVERAL, SEVERAL)])
def test_values_are_sums_over_outputs_and_means_over_samples(y, outputs):
    r = outputs - y
    for loss, expected in (
        ("mse", np.sum(r**2) / (2 * N)),
        (2, np.sum(r**2) / (2 * N)),
        (3.5, np.sum(np.abs(r) ** 3.5) / (3.5 * N)),
        ("logistic", np.sum(np.log(np.cosh(r))) / N),
        ("huber", special.huber(1.0, r).sum() / N),
        (QUARTIC, np.sum(r**2 / 2 + r**4) / N),
    ):
        np.testing.assert_allclose(objective(loss, y, outputs).value(outputs, 0), expected)
        weighted = nets.Weighted(loss, rho=np.ones(N), chi=np.ones(N))
        np.testing.assert_allclose(objective(weighted, y, outputs).value(outputs, 0), expected)


def test_logistic_neither_overflows_nor_loses_digits():
    r = jnp.array([1e-6, 1e4] * (N // 2))
    value = objective("logistic", np.zeros(N), r).value(r, 0)
    np.testing.assert_allclose(value, (1e-12 / 2 + 1e4 - np.log(2)) / 2, rtol=1e-15)
    small = jnp.full(N, 1e-6)
    value = objective("logistic", np.zeros(N), small).value(small, 0)
    np.testing.assert_allclose(value, 0.5e-12, rtol=1e-10)


def test_cross_entropy_equals_scipy_and_optax():
    of_classes = objective("cross-entropy", CLASSES, SEVERAL).value(SEVERAL, 0)
    by_scipy = -np.mean(special.log_softmax(SEVERAL, axis=1)[np.arange(N), CLASSES])
    by_optax = optax.softmax_cross_entropy_with_integer_labels(SEVERAL, CLASSES).mean()
    np.testing.assert_allclose(of_classes, by_scipy, rtol=1e-14)
    np.testing.assert_allclose(of_classes, by_optax, rtol=1e-14)
    of_shares = objective("cross-entropy", SHARES, SEVERAL).value(SEVERAL, 0)
    expected = optax.softmax_cross_entropy(SEVERAL, SHARES).mean()
    np.testing.assert_allclose(of_shares, expected, rtol=1e-14)
    binary = objective("cross-entropy", BINARY, ONE)
    expected = optax.sigmoid_binary_cross_entropy(ONE, BINARY).mean()
    np.testing.assert_allclose(binary.value(ONE, 0), expected, rtol=1e-13)
    pair = jnp.stack([0 * ONE, ONE], axis=1)  # one logit h is two logits (0, h)
    as_two = objective("cross-entropy", BINARY, pair).value(pair, 0)
    np.testing.assert_allclose(binary.value(ONE, 0), as_two, rtol=1e-13)


def test_cross_entropy_of_large_logits_is_finite():
    large = 1e4 * SEVERAL
    found = objective("cross-entropy", CLASSES, large)
    assert np.isfinite(found.value(large, 0))
    assert np.isfinite(found.gradient(large, 0)).all()


@pytest.mark.parametrize(("y", "outputs"), [(Y_ONE, ONE), (Y_SEVERAL, SEVERAL)])
def test_unit_weights_on_all_frequencies_are_mse_by_plancherel(y, outputs):
    for weighted in (nets.Weighted, lambda loss, rho, chi: loss):
        mse = objective(weighted("mse", rho=RHO, chi=CHI), y, outputs)
        in_fourier = weighted(nets.Fourier(XI, np.ones(N)), rho=RHO, chi=CHI)
        found = objective(in_fourier, y, outputs)
        np.testing.assert_allclose(found.value(outputs, 0), mse.value(outputs, 0), rtol=1e-13)
        slopes = found.gradient(outputs, 0), mse.gradient(outputs, 0)
        np.testing.assert_allclose(*slopes, atol=1e-15)


def test_fourier_weights_multiply_the_power_of_each_frequency():
    x = RNG.uniform(size=(N, 2))
    xi = RNG.normal(size=(5, 2))
    weights = np.arange(5.0)
    u = np.sqrt(RHO) * CHI * (ONE - Y_ONE)
    power = np.abs(np.exp(-2j * np.pi * xi @ x.T) @ u / N) ** 2
    weighted = nets.Weighted(nets.Fourier(xi, weights), rho=RHO, chi=CHI)
    found = as_objective(weighted, x, Y_ONE, ONE).value(ONE, 0)
    np.testing.assert_allclose(found, weights @ power / 2, rtol=1e-13)


def test_density_and_bump_function_weigh_as_in_the_theorems():
    """L = 1/(2n) sum rho u^2, u = chi (h - f), and L~ = (1/n) sum rho l(u)."""
    u = CHI * (ONE - Y_ONE)
    for loss, expected in (
        ("mse", np.mean(RHO * u**2) / 2),
        (4, np.mean(RHO * u**4) / 4),
        ("logistic", np.mean(RHO * np.log(np.cosh(u)))),
    ):
        weighted = nets.Weighted(loss, rho=RHO, chi=CHI)
        found = objective(weighted, Y_ONE, ONE).value(ONE, 0)
        np.testing.assert_allclose(found, expected, rtol=1e-13)
    terms = special.log_softmax(SEVERAL, axis=1)[np.arange(N), CLASSES]
    found = objective(nets.Weighted("cross-entropy", rho=RHO), CLASSES, SEVERAL)
    np.testing.assert_allclose(found.value(SEVERAL, 0), -np.mean(RHO * terms), rtol=1e-13)


def test_scheduled_weights_are_those_of_the_time():
    scheduled = objective(nets.Fourier(XI, decaying), Y_ONE, ONE)
    for t in (0.0, 0.7, 3.0):
        fixed = objective(nets.Fourier(XI, WEIGHTS * np.exp(-t)), Y_ONE, ONE)
        np.testing.assert_allclose(scheduled.value(ONE, t), fixed.value(ONE, t), rtol=1e-14)


def test_next_stage_begins_when_the_peak_is_learned_or_patience_ends():
    y = np.cos(2 * np.pi * X[:, 0]) + np.cos(4 * np.pi * X[:, 0])
    learned = jnp.asarray(y + 0.05 * np.cos(2 * np.pi * X[:, 0]))  # 5 % off at 1, exact at 2
    weights = np.stack([np.abs(XI) <= 1, np.abs(XI) <= 2, np.abs(XI) <= 3]).astype(float)
    for tolerance, patience, stages in (
        (0.1, None, [1, 2, 2]),
        (0.01, None, [0, 0, 0]),
        (0.01, 2, [0, 1, 2]),
    ):
        loss = nets.FourierStages(XI, weights, [1, 2, 3], tolerance, patience)
        found = objective(loss, y, learned)
        for stage in stages:
            found = found.recorded(learned)
            expected = objective(nets.Fourier(XI, weights[stage]), y, ONE).value(ONE, 0)
            np.testing.assert_allclose(found.value(ONE, 0), expected, rtol=1e-12)


@eqx.filter_jit
def of_batch(found, outputs, rows, inside):
    part, chosen = found.batch(rows, inside), outputs[rows]
    return part.value(chosen, 0), part.gradient(chosen, 0)


@pytest.mark.parametrize(
    ("loss", "y", "outputs"),
    [
        ("mse", Y_ONE, ONE),
        (nets.Weighted("mse", rho=RHO, chi=CHI), Y_SEVERAL, SEVERAL),
        ("cross-entropy", CLASSES, SEVERAL),
        (nets.Weighted("cross-entropy", rho=RHO), BINARY, ONE),
    ],
)
def test_batches_are_means_over_their_own_samples(loss, y, outputs):
    whole = scaled(objective(loss, y, outputs), 3.0, np.float64)
    order = RNG.permutation(N)
    values, slopes = [], np.zeros_like(outputs)
    for rows, inside in (
        (order[:3], [True, True, True]),
        (order[3:6], [True, True, True]),
        (np.append(order[6:], 0), [True, True, False]),
    ):
        value, slope = of_batch(whole, outputs, jnp.asarray(rows), jnp.asarray(inside))
        values.append(value * np.sum(inside) / N)
        np.add.at(slopes, rows, slope * np.sum(inside) / N)
    np.testing.assert_allclose(sum(values), whole.value(outputs, 0), rtol=1e-13)
    np.testing.assert_allclose(slopes, whole.gradient(outputs, 0), rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize(("loss", "y", "outputs"), CASES)
def test_losses_are_in_the_precision_of_the_outputs(loss, y, outputs):
    narrow = jnp.asarray(outputs, jnp.float32)
    found = objective(loss, y, narrow)
    parts = eqx.filter_eval_shape(
        lambda h, t: (found.value(h, t), found.gradient(h, t), found.curvature(h, t, h)),
        narrow,
        jnp.float32(0),
    )
    assert [part.dtype for part in parts] == [jnp.float32] * 3


def test_equal_powers_are_the_same_functions():
    """They compile once for all calls."""
    first, second = (objective(3.0, Y_ONE, ONE) for _ in range(2))
    assert first.slope is second.slope


NO_NUMPY = r"weights must be a function of JAX arrays \(jax.numpy, not numpy\)"
BAD = [
    ("mae", Y_ONE, ONE, ValueError, "loss must be one of 'mse', .*'cross-entropy', got 'mae'"),
    (1.5, Y_ONE, ONE, ValueError, "loss must be at least 2: .* got 1.5"),
    (None, Y_ONE, ONE, TypeError, "loss must be 'mse', .* got None"),
    (True, Y_ONE, ONE, TypeError, "loss must be 'mse', .* got True"),
    (np.square, Y_ONE, ONE, TypeError, "loss must be 'mse', .* got <ufunc 'square'>"),
    ("mse", Y_ONE[:3], ONE, ValueError, r"y must have shape \(8,\), .*got \(3,\)"),
    ("mse", Y_ONE, SEVERAL, ValueError, r"y must have shape \(8, 3\), .* output of net.*\(8,\)"),
    (4, CLASSES, SEVERAL, ValueError, r"y must have shape \(8, 3\), .* output of net.*\(8,\)"),
    ("cross-entropy", CLASSES + 0.5, SEVERAL, ValueError, "y must be whole numbers from 0 to 2"),
    ("cross-entropy", CLASSES + 1, SEVERAL, ValueError, "whole numbers from 0 to 2 .* got 3"),
    ("cross-entropy", CLASSES - 1, SEVERAL, ValueError, "whole numbers from 0 to 2 .* got -1"),
    ("cross-entropy", CLASSES * 2, ONE, ValueError, "y must be from 0 to 1 for .* one output"),
    ("cross-entropy", SHARES, ONE, ValueError, r"y must have shape \(8,\) for the loss \"cross"),
    ("cross-entropy", SHARES[:, :2], SEVERAL, ValueError, r"\(8,\) \(classes\) or \(8, 3\) \(pro"),
    ("cross-entropy", SHARES / 2, SEVERAL, ValueError, "rows that add up to 1, got 0.5 in row 0"),
    ("cross-entropy", 1 - 3 * SHARES, SEVERAL, ValueError, "y must be probabilities from 0 to 1"),
    ("cross-entropy", BINARY, ONE[:, None], ValueError, r"net must have .*\(8,\) for .* \(8, 1\):"),
    (nets.Weighted(rho=RHO[:3]), Y_ONE, ONE, ValueError, r"rho must have shape \(8,\), .*\(3,\)"),
    (nets.Weighted(rho=2 * RHO), Y_ONE, ONE, ValueError, "rho must have mean 1 .*, got 2"),
    (nets.Weighted(rho=RHO - 1), Y_ONE, ONE, ValueError, "rho must not be negative, got -0"),
    (nets.Weighted(chi=CHI[:3]), Y_ONE, ONE, ValueError, r"chi must have shape \(8,\), .*\(3,\)"),
    (nets.Weighted("cross-entropy", chi=CHI), BINARY, ONE, ValueError, "chi must be None for"),
    (nets.Weighted(nets.Weighted()), Y_ONE, ONE, ValueError, "loss must be weighted once"),
    (nets.Fourier([[1.0, 2.0]], [1.0]), Y_ONE, ONE, ValueError, r"xi must have shape \(F, 1\)"),
    (nets.Fourier(XI, [1.0]), Y_ONE, ONE, ValueError, r"weights must have shape \(8,\).*\(1,\)"),
    (nets.Fourier(XI, -WEIGHTS), Y_ONE, ONE, ValueError, "weights must not be negative, got -"),
    (nets.Fourier(XI, lambda t: t), Y_ONE, ONE, ValueError, r"weights must have shape \(8,\)"),
    (nets.Fourier(XI, lambda t: WEIGHTS * np.exp(-t)), Y_ONE, ONE, TypeError, NO_NUMPY),
    (nets.Fourier(XI, lambda t: WEIGHTS * math.exp(-t)), Y_ONE, ONE, TypeError, NO_NUMPY),
    (nets.Fourier(XI, lambda t: WEIGHTS if t < 1 else 0), Y_ONE, ONE, TypeError, NO_NUMPY),
    (nets.FourierStages(XI, WEIGHTS, [1]), Y_ONE, ONE, ValueError, r"weights .*shape \(S, 8\)"),
    (nets.FourierStages(XI, [-WEIGHTS], [1]), Y_ONE, ONE, ValueError, "weights must not be neg"),
    (nets.FourierStages(XI, [WEIGHTS], [1, 2]), Y_ONE, ONE, ValueError, r"peaks .*shape \(1,\)"),
    (nets.FourierStages(XI, [WEIGHTS], [8]), Y_ONE, ONE, ValueError, "from 0 to 7, got 8"),
    (nets.FourierStages(XI, [WEIGHTS], [-1]), Y_ONE, ONE, ValueError, "from 0 to 7, got -1"),
    (nets.FourierStages(XI, [WEIGHTS], [1.0]), Y_ONE, ONE, TypeError, "peaks must hold integers"),
    (nets.FourierStages(XI, [WEIGHTS], [1], 2.0), Y_ONE, ONE, ValueError, "tolerance must be betw"),
    (nets.FourierStages(XI, [WEIGHTS], [1], 0.1, 0), Y_ONE, ONE, ValueError, "patience must be at"),
    (nets.Loss(np.square, np.square), Y_ONE, ONE, TypeError, "value must be a function of JAX"),
    (nets.Loss(lambda r: r**2, lambda r: r), Y_ONE, ONE, ValueError, "slope must be the derivat"),
    (
        nets.Loss(lambda r: r**2 / 2, lambda r: r, lambda r: 2 + 0 * r),
        Y_ONE,
        ONE,
        ValueError,
        "loss.curvature must be the derivative of loss.slope, 1 at .*, got 2",
    ),
    (nets.Loss(lambda r: -(r**2), lambda r: -2 * r), Y_ONE, ONE, ValueError, "sign of the resid"),
    (nets.Loss(jnp.sum, lambda r: r), Y_ONE, ONE, ValueError, "must return the shape of its arg"),
    (nets.Loss(jnp.log, lambda r: 1 / r), Y_ONE, ONE, ValueError, "value must be finite, got nan"),
]


@pytest.mark.parametrize(("loss", "y", "outputs", "error", "match"), BAD)
def test_loss_that_does_not_fit(loss, y, outputs, error, match):
    with pytest.raises(error, match=match):
        objective(loss, y, outputs)
