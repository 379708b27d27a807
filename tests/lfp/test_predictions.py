"""Effective rates, the loss by frequency, early stopping: against sums, limits and known risks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lfp
from lfp.predictions import (
    degrees_of_freedom,
    effective_rate,
    loss_split,
    risk_estimate,
    stopping_time,
    time_of_least,
)

COUNTS = st.lists(st.integers(2, 6), min_size=1, max_size=3)


def tensor_grid(counts, rng):
    """A grid with its own spacing and origin on every axis, in random order."""
    axes = [rng.normal() + rng.uniform(0.1, 2) * np.arange(m) for m in counts]
    x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(counts))
    return rng.permutation(x), [axis[1] - axis[0] for axis in axes]


def by_hand(x, counts, steps, residual):
    """(|xi|, |h^ - y^|^2/2) of every residue, from the written-out transform."""
    axes = [np.fft.fftfreq(m, s) for m, s in zip(counts, steps, strict=True)]
    xi = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(counts))
    spectrum = lfp.nudft_direct(x, residual.T, xi)
    power = np.abs(spectrum) ** 2 / 2
    return np.linalg.norm(xi, axis=1), power.reshape(len(xi), -1).sum(axis=1)


@settings(deadline=None, max_examples=40)
@given(COUNTS, st.floats(0, 4), st.integers(0, 999))
def test_loss_split_is_the_sum_over_residues_below_and_above(counts, eta, seed):
    rng = np.random.default_rng(seed)
    x, steps = tensor_grid(counts, rng)
    residual = rng.normal(size=(2, len(x)))
    low, high = loss_split(x, residual, eta)
    assert low.shape == high.shape == (2,)
    for t in range(2):
        size, power = by_hand(x, counts, steps, residual[t])
        assert low[t] == pytest.approx(power[size < eta].sum(), rel=1e-9, abs=1e-15)
        assert high[t] == pytest.approx(power[size >= eta].sum(), rel=1e-9, abs=1e-15)


@settings(deadline=None, max_examples=20)
@given(COUNTS, st.lists(st.floats(0, 4), min_size=1, max_size=5), st.integers(0, 999))
def test_any_number_of_bounds_at_once_adds_up_to_the_loss(counts, eta, seed):
    rng = np.random.default_rng(seed)
    x, _ = tensor_grid(counts, rng)
    residual = rng.normal(size=(3, len(x), 2))
    low, high = loss_split(x, residual, eta)
    assert low.shape == high.shape == (3, len(eta))
    loss = (residual**2).sum(axis=(1, 2)) / (2 * len(x))
    np.testing.assert_allclose(low + high, loss[:, None] * np.ones(len(eta)), rtol=1e-12)
    for j, bound in enumerate(eta):
        for several, alone in zip((low, high), loss_split(x, residual, bound), strict=True):
            np.testing.assert_allclose(several[:, j], alone, rtol=1e-12, atol=1e-15)
    rising = np.argsort(eta)
    assert (np.diff(low[:, rising], axis=1) >= 0).all()


def test_a_wave_belongs_to_the_band_that_starts_at_its_frequency():
    # 0.3 is not a float: the boundary allows for rounding
    x = np.arange(40) / 4
    wave = np.cos(2 * np.pi * 0.3 * x)[None]
    for eta, share in ((0.3, 1.0), (0.3 + 2e-16, 1.0), (0.31, 0.0), (0.0, 1.0)):
        low, high = loss_split(x[:, None], wave, eta)
        np.testing.assert_allclose([low[0], high[0]], [(1 - share) / 4, share / 4], atol=1e-15)
    plane = np.stack(np.meshgrid(np.arange(8), np.arange(10)), axis=-1).reshape(-1, 2)
    wave = np.cos(2 * np.pi * (plane @ [0.25, 0.3]))[None]
    low, _ = loss_split(plane.astype(float), wave, [np.hypot(0.25, 0.3), 0.4])
    np.testing.assert_allclose(low, [[0.0, 0.25]], atol=1e-15)


def test_a_small_part_of_the_loss_keeps_its_digits_beside_a_large_one():
    x = np.arange(16)[:, None] / 16
    slow, fast = np.cos(2 * np.pi * x.T), np.cos(2 * np.pi * 7 * x.T)
    low, _ = loss_split(x, 1e-6 * slow + fast, [4.0, 9.0])
    np.testing.assert_allclose(low, [[1e-12 / 4, 1 / 4]], rtol=1e-8)
    _, high = loss_split(x, slow + 1e-6 * fast, [4.0, 9.0])
    np.testing.assert_allclose(high, [[1e-12 / 4, 0]], rtol=1e-8)


def test_coordinates_of_a_grid_may_be_rounded():
    rng = np.random.default_rng(0)
    x, _ = tensor_grid([4, 5], rng)
    residual = rng.normal(size=(1, 20))
    exact = loss_split(x, residual, 0.4)
    jitter = x * (1 + 4e-16 * rng.integers(-1, 2, x.shape))
    assert len(np.unique(jitter[:, 0])) > 4
    np.testing.assert_allclose(loss_split(jitter, residual, 0.4), exact, rtol=1e-12)
    # far from the origin rounding is 1e-7 of the spacing
    np.testing.assert_allclose(loss_split(x / 100 + 3e6, residual, 40.0), exact, rtol=1e-12)


SQUARE = np.stack(np.meshgrid(np.arange(4.0), np.arange(3.0)), axis=-1).reshape(-1, 2)


@pytest.mark.parametrize(
    "x",
    [
        np.array([[0.0], [1.0], [3.0]]),
        np.array([[0.0], [1.0], [1.0]]),
        np.array([[0.0], [1.0], [2.00001]]),
        np.array([[5.0]]),
        np.array([[2.0], [2.0]]),
        SQUARE[:-1],
        np.concatenate([SQUARE[:-1], SQUARE[:1]]),
        SQUARE + np.outer(SQUARE[:, 1], [1e-3, 0]),
        np.column_stack([np.arange(5.0), np.zeros(5)]),
        np.column_stack([np.arange(5.0), np.arange(5.0)]),
        np.stack(np.meshgrid(*[np.arange(2.0)] * 4), axis=-1).reshape(-1, 4),
    ],
)
def test_points_off_a_grid_have_no_plancherel_identity(x):
    with pytest.raises(ValueError, match=r"loss_split needs x on a uniform grid.*use spectrum"):
        loss_split(x, np.ones((1, len(x))), 1.0)


def test_negative_bounds_are_refused():
    with pytest.raises(ValueError, match="eta must be at least 0, got -1"):
        loss_split(SQUARE, np.ones((1, 12)), [1.0, -1.0])


@settings(deadline=None, max_examples=30)
@given(st.floats(1e-3, 1e3), st.floats(-100, 100), st.integers(0, 99))
def test_effective_rate_of_a_decaying_wave_is_its_rate(rate, omega, seed):
    start = np.random.default_rng(seed).normal(size=2) @ [1, 1j]
    ts = np.linspace(0, 3 / rate, 5)
    error = np.exp((-rate + 1j * omega) * ts)[:, None] * start
    velocity = (-rate + 1j * omega) * error
    rates = effective_rate(velocity, error)
    np.testing.assert_allclose(rates, rate, rtol=1e-13, atol=1e-14 * abs(omega))


def test_effective_rate_is_the_slope_of_the_logarithm():
    x = np.linspace(-1, 1, 12)
    law, y = lfp.TwoLayer(), np.sin(3 * x) + x**2
    flow = lfp.solve(law, x, y, [3.0 - 1e-4, 3.0, 3.0 + 1e-4])
    xi = np.array([0.0, 0.5, 1.0, 2.0])
    error = flow.spectrum(xi) - lfp.nudft(x, y, xi)
    velocity = lfp.nudft(x, -law.kernel(x, x) @ (flow.fitted - y).T / 12, xi).T
    slope = -np.log(np.abs(error[2] / error[0])) / 2e-4
    np.testing.assert_allclose(effective_rate(velocity, error)[1], slope, rtol=1e-5)


def test_effective_rate_of_a_learned_frequency_is_unknown():
    error = np.array([[0.0, 1e-200 + 0j]])
    rates = effective_rate(np.array([[1.0 + 0j, -2e-200j]]), error)
    np.testing.assert_array_equal(rates, [[np.nan, 0.0]])


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 12), st.integers(0, 99))
def test_degrees_of_freedom_are_the_sensitivity_of_the_fit_to_its_data(n, seed):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(-1, 1, n)) + np.arange(n)
    kernel = lfp.TwoLayer(sigma_b=30.0).ntk
    ts = np.array([0.0, 1e-3, 0.3, 100.0])
    fits = [lfp.solve(kernel, x, unit, ts).fitted[:, i] for i, unit in enumerate(np.eye(n))]
    eigenvalues = np.linalg.eigvalsh(kernel(x, x) / n)
    np.testing.assert_allclose(degrees_of_freedom(eigenvalues, ts), np.sum(fits, axis=0), atol=1e-8)


@pytest.fixture(scope="module")
def noisy_flows():
    """Flows of many noisy data sets of one function: ts, df, f, and per seed (flow, risk)."""
    x = np.linspace(-1, 1, 200)
    f = np.sin(5 * x) + np.cos(11 * x) / 2
    kernel = lfp.TwoLayer(sigma_b=5.0).ntk
    gram = kernel(x, x) / 200
    eigenvalues = np.linalg.eigvalsh((gram + gram.T) / 2)
    ts = np.logspace(2, 9, 120) / eigenvalues[-1]
    flows = []
    for seed in range(40):
        y = f + 0.3 * np.random.default_rng(seed).normal(size=200)
        flow = lfp.solve(kernel, x, y, ts)
        flows.append((flow, ((flow.fitted - f) ** 2).mean(axis=1)))
    return ts, degrees_of_freedom(eigenvalues, ts), f, flows


def test_risk_estimate_is_unbiased(noisy_flows):
    _, df, _, flows = noisy_flows
    estimates = np.array([risk_estimate(flow.loss, df, 0.3, 200) for flow, _ in flows])
    difference = estimates - [risk for _, risk in flows]
    error = difference.std(axis=0) / np.sqrt(len(flows))
    assert (np.abs(difference.mean(axis=0)) < 4 * error).all()
    # and the error is small enough to tell: forgetting a term would show
    assert error.max() < 0.1 * 0.3**2
    assert df[-1] > 0.1 * 200


def test_stopping_time_is_close_to_the_best_time(noisy_flows):
    ts, df, f, flows = noisy_flows
    stops = [stopping_time(ts, flow.loss, df, 0.3, 200) for flow, _ in flows]
    at_stop = [
        ((flow(flow.x, [t])[0] - f) ** 2).mean() for t, (flow, _) in zip(stops, flows, strict=True)
    ]
    best = np.mean([risk.min() for _, risk in flows])
    assert np.mean(at_stop) < 1.08 * best
    # training to the end would have cost more than twice as much
    assert np.mean([risk[-1] for _, risk in flows]) > 2 * best
    ratio = np.array(stops) / [ts[risk.argmin()] for _, risk in flows]
    assert 0.5 < np.median(ratio) < 2


@settings(deadline=None, max_examples=40)
@given(st.floats(1.1, 20), st.floats(0.1, 10), st.floats(0.01, 100), st.integers(200, 2000))
def test_stopping_time_of_one_mode_is_exact_to_second_order(ratio, noise, rate, points):
    # n = 1: 2 L = y^2 exp(-2 rate t), least risk where exp(-rate t) = noise^2/y^2
    y = ratio * noise
    ts = np.logspace(-3, 2, points) / rate
    loss, df = y**2 * np.exp(-2 * rate * ts) / 2, degrees_of_freedom(np.array([rate]), ts)
    exact = np.log(ratio**2)
    # third over second derivative of the risk in log t: 3 (1 - exact), and a sixth of it counts
    bound = (1 + exact) * np.log(ts[1] / ts[0]) ** 2
    assert abs(np.log(rate * stopping_time(ts, loss, df, noise, 1) / exact)) < bound


def test_stopping_time_next_to_zero_is_a_parabola_in_time():
    ts, df = np.array([0.0, 1.0, 3.0, 4.0]), np.zeros(4)
    assert stopping_time(ts, (ts - 1.2) ** 2, df, 1.0, 4) == pytest.approx(1.2)
    ts = np.exp(np.array([0.0, 1.0, 3.0, 4.0]))
    risk = (np.log(ts) - 2.1) ** 2
    assert stopping_time(ts, risk, df, 1.0, 4) == pytest.approx(np.exp(2.1))
    # equal times and equal risks leave nothing to interpolate
    assert stopping_time(np.array([1.0, 2, 2, 3]), np.array([2.0, 1, 1, 2]), df, 1.0, 4) == 2.0
    assert stopping_time(np.ones(3), np.ones(3) - [0, 1e-3, 0], df[:3], 1.0, 4) == 1.0


def test_time_of_least_is_the_stopping_time_of_the_risk_estimate():
    rng = np.random.default_rng(0)
    ts, loss, df = np.geomspace(1, 9, 7), rng.uniform(1, 2, 7), np.sort(rng.uniform(0, 3, 7))
    loss[3] = 0.0
    least = time_of_least(ts, risk_estimate(loss, df, 0.7, 5))
    assert least == stopping_time(ts, loss, df, 0.7, 5)
    assert time_of_least(ts, (np.log(ts) - 1.3) ** 2) == pytest.approx(np.exp(1.3), rel=1e-12)
    assert np.isnan(time_of_least(ts, -ts))


def test_stopping_times_are_not_extrapolated():
    ts, falling = np.array([0.0, 1.0, 2.0]), np.array([3.0, 2.0, 1.0])
    df = np.zeros(3)
    assert np.isnan(stopping_time(ts, falling, df, 0.1, 5))
    assert stopping_time(ts, -falling, df, 0.1, 5) == 0
    assert np.isnan(stopping_time(ts + 1, -falling, df, 0.1, 5))
    # without noise there is no reason to stop, wherever rounding puts the least loss
    assert np.isnan(stopping_time(ts, np.array([1.0, 1e-33, 2e-33]), df, 0.0, 5))
    with pytest.raises(ValueError, match=r"noise must be at least 0, got -0\.1"):
        stopping_time(ts, falling, df, -0.1, 5)


def test_less_noise_means_later_stopping_and_none_means_never(noisy_flows):
    ts, df, f, flows = noisy_flows
    x = flows[0][0].x
    loss = lfp.solve(lfp.TwoLayer(sigma_b=5.0).ntk, x, f, ts).loss
    stops = [stopping_time(ts, loss, df, noise, 200) for noise in (1.0, 0.3, 0.1, 0.03)]
    assert (np.diff(stops) > 0).all()
    assert np.isnan(stopping_time(ts, loss, df, 0.0, 200))
