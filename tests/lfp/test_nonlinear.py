"""The flow of a general loss: closed forms, an independent integrator, limits, invariants."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lfp
from lfp.losses import Loss, as_loss
from lfp.solvers.dense import Relaxation
from lfp.solvers.nonlinear import NonlinearRelaxation

LOSSES = ["mse", 3, 4, "logistic", "huber"]


def residuals(gram, start, loss, ts, rtol=1e-8):
    """r(t) = r(0) + K w(t), shape (T, n) or (T, n, c)."""
    ts = np.asarray(ts, dtype=float)
    states = NonlinearRelaxation(gram / len(gram), start, as_loss(loss, start), ts[-1], rtol)
    return start + np.einsum("ij,tj...->ti...", gram, states(ts))


def random_gram(n, seed, condition=100.0):
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(n, n)))[0]
    return (basis * np.geomspace(1, 1 / condition, n)) @ basis.T * n


def runge_kutta(gram, start, slope, last, steps):
    """Classical fourth-order method with fixed steps on r' = -K l'(r)/n."""
    n, h, r = len(start), last / steps, start

    def rate(r):
        return -gram @ slope(r) / n

    for _ in range(steps):
        k1 = rate(r)
        k2 = rate(r + h / 2 * k1)
        k3 = rate(r + h / 2 * k2)
        r = r + h / 6 * (k1 + 2 * k2 + 2 * k3 + rate(r + h * k3))
    return r


@pytest.mark.parametrize(("n", "decades"), [(12, 6), (40, 6), (40, 10)])
@pytest.mark.parametrize("rtol", [1e-6, 1e-8])
def test_mean_square_equals_the_exact_relaxation(n, decades, rtol):
    x = np.sort(np.random.default_rng(0).uniform(-1, 1, n))
    y = np.sin(8 * x) + x**2
    gram = lfp.TwoLayer(sigma_b=5.0).ntk(x, x)
    gram = (gram + gram.T) / 2
    ts = np.logspace(-1, decades, 60) / np.linalg.eigvalsh(gram / n)[-1]
    exact = -y + Relaxation(gram / n, y[:, None])(ts)[..., 0] @ gram / n
    error = np.abs(residuals(gram, -y, "mse", ts, rtol) - exact).max() / np.abs(y).max()
    assert error < rtol
    np.testing.assert_array_equal(
        residuals(gram, -y, 2, ts, rtol), residuals(gram, -y, "mse", ts, rtol)
    )


@pytest.mark.parametrize("loss", [4, "logistic"])
def test_error_against_small_explicit_steps_falls_with_the_tolerance(loss):
    gram, start = random_gram(5, 1), np.array([1.0, -2.0, 0.5, 1.5, -0.7])
    slope = as_loss(loss, start).slope
    reference = runge_kutta(gram, start, slope, 20.0, 4000)
    floor = np.abs(reference - runge_kutta(gram, start, slope, 20.0, 2000)).max()
    assert floor < 1e-10  # of the reference, a hundredth of the smallest error below
    errors = [
        np.abs(residuals(gram, start, loss, [20.0], rtol)[0] - reference).max()
        for rtol in (1e-4, 1e-6, 1e-8)
    ]
    assert errors[1] < errors[0] / 20
    assert errors[2] < errors[1] / 20
    assert errors[2] < 2e-8


def quartic(t, k, start):
    return start / np.sqrt(1 + 2 * k * start**2 * t)


def log_cosh(t, k, start):
    return np.arcsinh(np.sinh(start) * np.exp(-k * t))


def huber(t, k, start):
    corner = (start - 1) / k
    return np.where(t < corner, start - k * t, np.exp(-k * np.maximum(t - corner, 0)))


@pytest.mark.parametrize(
    ("loss", "exact"), [(4, quartic), ("logistic", log_cosh), ("huber", huber)]
)
@pytest.mark.parametrize("k", [1e-3, 1.0, 50.0])
def test_one_sample_follows_its_closed_form(loss, exact, k):
    ts = np.concatenate([[0.0], np.logspace(-4, 1.2, 100)]) / k
    r = residuals(np.array([[k]]), np.array([3.0]), loss, ts, 1e-9)
    np.testing.assert_allclose(r[:, 0], exact(ts, k, 3.0), atol=3e-8)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_limit_does_not_depend_on_the_loss(loss):
    x = np.linspace(-1, 1, 6)
    y = np.array([1.0, -1.0, 0.5, 0.2, -0.7, 0.9])
    law, grid = lfp.TwoLayer(sigma_b=5.0), np.linspace(-1, 1, 57)
    gram = law.kernel(x, x)
    eigenvalues = np.linalg.eigvalsh(gram / 6)
    # |r|^4 relaxes like t^(-1/2): another 1e8 times for four more digits
    last = 1e16 / eigenvalues[-1]
    weights = NonlinearRelaxation(gram / 6, -y, as_loss(loss, y), last, 1e-8)(np.array([last]))
    outputs = (weights @ law.kernel(x, grid))[0]
    np.testing.assert_allclose(outputs, lfp.interpolate(law, x, y)(grid), atol=2e-6)


def test_losses_of_robust_regression_follow_an_outlier_later():
    # far out the slope is 1 instead of r: the outlier pulls a hundred times less
    gram, start = np.eye(2) * 2, np.array([0.01, 100.0])
    for loss in ("logistic", "huber"):
        r = residuals(gram, start, loss, [0.0, 1.0])[1]
        np.testing.assert_allclose(r, [0.01 * np.exp(-1), 99.0], atol=1e-6)


@settings(deadline=None, max_examples=8)
@given(st.sampled_from(LOSSES), st.integers(1, 8), st.floats(0, 6), st.integers(0, 99))
def test_loss_never_increases(loss, n, decades, seed):
    start = np.random.default_rng(seed).normal(size=n) * 3
    gram = random_gram(n, seed, 10**decades)
    r = residuals(gram, start, loss, np.append(0, np.logspace(-2, 7, 60)))
    losses = as_loss(loss, start).value(r).mean(axis=1)
    assert (np.diff(losses) <= 1e-12 * losses[0]).all()
    np.testing.assert_array_equal(r[0], start)


@settings(deadline=None, max_examples=8)
@given(st.sampled_from(LOSSES), st.integers(1, 6), st.integers(1, 3), st.integers(0, 99))
def test_several_outputs_are_separate_problems(loss, n, c, seed):
    start = np.random.default_rng(seed).normal(size=(n, c))
    gram, ts = random_gram(n, seed), [0.0, 1.0, 100.0]
    together = residuals(gram, start, loss, ts, 1e-6)
    assert together.shape == (3, n, c)
    for j in range(c):
        alone = residuals(gram, start[:, j], loss, ts, 1e-6)
        np.testing.assert_allclose(together[..., j], alone, rtol=1e-12, atol=1e-12)


@settings(deadline=None, max_examples=8)
@given(
    st.sampled_from(LOSSES), st.integers(1, 6), st.floats(0.1, 30), st.floats(0.1, 30), st.data()
)
def test_flows_compose(loss, n, first, second, data):
    seed = data.draw(st.integers(0, 99))
    start, gram = np.random.default_rng(seed).normal(size=n), random_gram(n, seed)
    whole = residuals(gram, start, loss, [first, first + second])
    rest = residuals(gram, whole[0], loss, [second])
    np.testing.assert_allclose(rest[0], whole[1], atol=1e-7)


@settings(deadline=None, max_examples=8)
@given(st.sampled_from([3, 4, 6.5]), st.floats(0.03, 30), st.integers(0, 99))
def test_powers_trade_amplitude_for_time(p, factor, seed):
    start, gram = np.random.default_rng(seed).normal(size=4), random_gram(4, seed)
    ts = np.array([0.0, 0.5, 5.0, 50.0])
    scaled = residuals(gram, factor * start, p, ts / factor ** (p - 2), 1e-7)
    expected = factor * residuals(gram, start, p, ts, 1e-7)
    np.testing.assert_allclose(scaled, expected, atol=1e-6 * factor)


@settings(deadline=None, max_examples=8)
@given(st.sampled_from(LOSSES), st.floats(0.1, 3), st.floats(-3, 3), st.integers(0, 99))
def test_a_repeated_sample_ends_half_way_and_its_weights_keep_growing(loss, gap, middle, seed):
    gram = np.ones((2, 2)) * (1 + seed)
    start, t = np.array([middle - gap, middle + gap]), 1e12
    matrix, record = gram / 2, as_loss(loss, np.array([middle - gap, middle + gap]))
    (weights,) = NonlinearRelaxation(matrix, start, record, t, 1e-6)(np.array([t]))
    # the losses are even: at +-gap the slopes cancel, and their difference acts forever
    expected = -2 * t * record.slope(np.array([gap]))[0] / 2
    assert weights[1] - weights[0] == pytest.approx(expected, rel=1e-5)
    # the sum of the weights is known to eps times their size only
    assert gram[0, 0] * weights.sum() == pytest.approx(-middle, abs=1e-5 + 1e-13 * t * (1 + seed))


@settings(deadline=None, max_examples=8)
@given(st.sampled_from(LOSSES), st.integers(1, 5), st.floats(1e-6, 1e6), st.integers(0, 99))
def test_without_a_kernel_the_weights_grow_at_a_constant_rate(loss, n, t, seed):
    start = np.random.default_rng(seed).normal(size=n)
    record = as_loss(loss, start)
    (weights,) = NonlinearRelaxation(np.zeros((n, n)), start, record, t, 1e-6)(np.array([t]))
    np.testing.assert_allclose(weights, -t * record.slope(start) / n, rtol=1e-9)


def test_steep_powers_do_not_overflow():
    # r' = -r^29 from 10, where the slope is 1e29
    r = residuals(np.eye(1), np.array([10.0]), 30, [1e-3, 1.0])[:, 0]
    np.testing.assert_allclose(r, (28 * np.array([1e-3, 1.0])) ** (-1 / 28), rtol=1e-6)


def test_a_record_without_curvature_gives_the_same_flow():
    start, gram, ts = np.array([3.0, -1.0, 0.2]), random_gram(3, 0), [0.1, 1.0, 1e3]
    record = as_loss("logistic", start)
    bare = residuals(gram, start, Loss(record.value, record.slope), ts)
    np.testing.assert_allclose(bare, residuals(gram, start, "logistic", ts), atol=2e-8)


def test_fitted_data_and_time_zero_leave_the_weights_at_zero():
    gram, loss = random_gram(3, 0) / 3, as_loss(4, np.ones(3))
    still = NonlinearRelaxation(gram, np.zeros(3), loss, 1e6, 1e-8)
    np.testing.assert_array_equal(still(np.array([0.0, 1e6])), 0)
    at_once = NonlinearRelaxation(gram, np.ones((3, 2)), loss, 0.0, 1e-8)
    np.testing.assert_array_equal(at_once(np.zeros(1)), np.zeros((1, 3, 2)))


def test_times_beyond_the_last_are_refused():
    states = NonlinearRelaxation(np.eye(2), np.ones(2), as_loss(4, np.ones(2)), 1.0, 1e-6)
    assert states.iterations > 0
    with pytest.raises(ValueError, match="times must not exceed 1 with solver='ode', got 2"):
        states(np.array([0.5, 2.0]))


def test_failure_of_the_integrator_comes_with_advice(monkeypatch):
    start = np.array([1.0, -0.4, 0.3])
    with pytest.raises(ValueError, match=r"stopped at t = .* of 100.*slope.*continuous"):
        NonlinearRelaxation(random_gram(3, 0) / 3, start, Loss(np.abs, np.sign), 100.0, 1e-8)
    monkeypatch.setattr("lfp.solvers.ode.STEPS", 20)
    with pytest.raises(ValueError, match=r"20 steps are not enough\. Use a larger rtol"):
        residuals(random_gram(3, 0), start, 4, [1e6])
