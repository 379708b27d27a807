"""The decomposition of an initial output, and the error that it leaves."""

import itertools

import jax
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erf, ndtri
from scipy.stats import qmc

import lfp
import nets
from compare import initialization
from compare.initialization import _problem, expectation

LAW = lfp.TwoLayer(activation="relu", sigma_a=1.5, sigma_w=2.0, sigma_b=4.0)
NET = nets.two_layer(jax.random.key(3), width=50, sigma_w=3.0, sigma_b=2.0)
KERNELS = {
    "lfp": LAW,
    "ntk": LAW.ntk,
    "tangent": initialization.tangent_kernel_of(NET),
}
X, POINTS = np.array([-0.9, -0.4, 0.1, 0.3, 0.8]), np.linspace(-1, 1, 5)
Y = np.array([0.3, -1.0, 0.5, 0.2, 1.0])


def wavy(x):
    return np.cos(3 * x) + 0.5 * x


def followed(kernel, x, y, initial, points, t):
    """`h(points, t)` from the exponential of the flow of samples and points together."""
    kernel = kernel.kernel if isinstance(kernel, lfp.Law) else kernel
    n = len(x)
    start = np.concatenate([initial(x) - y, initial(points)])
    rates = np.zeros((len(start), len(start)))
    rates[:, :n] = -np.concatenate([kernel(x, x), kernel(points, x)]) / n
    return (scipy.linalg.expm(t * rates) @ start)[n:]


@pytest.mark.parametrize("name", KERNELS)
def test_direct_solution_and_sum_of_the_parts_are_the_exponential_of_the_flow(name):
    ts = np.array([0.0, 0.1, 3.0, 40.0])
    found = initialization.decompose(KERNELS[name], X, Y, wavy, POINTS, ts=ts)
    for i, t in enumerate(ts):
        expected = followed(KERNELS[name], X, Y, wavy, POINTS, t)
        np.testing.assert_allclose(found.direct[i], expected, atol=1e-9)
        np.testing.assert_allclose(found.total[i], expected, atol=1e-9)
        zero = followed(KERNELS[name], X, Y, np.zeros_like, POINTS, t)
        np.testing.assert_allclose(found.unbiased[i], zero, atol=1e-9)
        taught = followed(KERNELS[name], X, wavy(X), np.zeros_like, POINTS, t)
        np.testing.assert_allclose(found.learned[i], taught, atol=1e-9)
    np.testing.assert_array_equal(found.initial, wavy(POINTS))
    np.testing.assert_allclose(found.bias, found.initial - found.learned, rtol=1e-15)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 8),
    dim=st.integers(1, 3),
    name=st.sampled_from(["lfp", "ntk"]),
)
def test_parts_sum_up_to_the_flow_from_any_initial_output(seed, n, dim, name):
    random = np.random.default_rng(seed)
    x = random.uniform(-1, 1, (n, dim))
    points, y = random.uniform(-1, 1, (4, dim)), random.normal(size=n)
    waves, phases = random.normal(size=(3, dim)), random.normal(size=3)

    def initial(x):
        return np.sin(np.reshape(x, (-1, dim)) @ waves.T + phases).sum(axis=1)

    kernel = {"lfp": lfp.TwoLayer(sigma_b=10.0), "ntk": LAW.ntk}[name]
    ts = [0.0, 1.0, 100.0, np.inf]
    found = initialization.decompose(kernel, x, y, initial, points, ts=ts)
    gap = np.linalg.norm(x[:, None] - x, axis=2)[~np.eye(n, dtype=bool)].min(initial=1.0)
    size = np.abs(found.learned).max() + np.abs(found.unbiased).max() + 1
    np.testing.assert_allclose(found.total, found.direct, atol=1e-12 * size / gap**3)


def test_at_the_samples_the_end_is_the_data_and_nothing_is_left_of_the_initial_output():
    found = initialization.decompose(LAW.ntk, X, Y, wavy, X, ts=[0.0, np.inf])
    np.testing.assert_allclose(found.direct, [wavy(X), Y], atol=1e-10)
    np.testing.assert_allclose(found.bias, [wavy(X), 0 * X], atol=1e-10)
    np.testing.assert_allclose(found.unbiased, [0 * X, Y], atol=1e-10)


def test_the_limit_is_where_the_flow_goes():
    last = 1e3 / lfp.solve(LAW.ntk, X, Y, [1.0]).status.lambda_min
    found = initialization.decompose(LAW.ntk, X, Y, wavy, POINTS, ts=[last, np.inf, np.inf])
    for part in (found.unbiased, found.learned, found.direct):
        assert part.shape == (3, 5)
        np.testing.assert_allclose(part[0], part[1], atol=1e-9)
        np.testing.assert_array_equal(part[1], part[2])


def test_what_the_kernel_can_tell_from_the_samples_leaves_nothing():
    def section(x):
        return LAW.ntk(x, X) @ np.array([1.0, -2.0, 0.5, 1.0, 0.3])

    found = initialization.decompose(LAW.ntk, X, Y, section, POINTS)
    np.testing.assert_allclose(found.bias, 0, atol=1e-8)
    free = lfp.Simplified(r2=1.0, w2=1.0, r2w2=2.0, scale=1.0)
    found = initialization.decompose(free, X, Y, lambda x: 3 - 2 * x, POINTS)
    np.testing.assert_allclose(found.bias, 0, atol=1e-10)
    assert np.abs(initialization.decompose(free, X, Y, wavy, POINTS).bias).max() > 1e-2


def test_direct_solution_with_a_tangent_kernel_is_the_linearised_flow_of_the_network():
    ts = np.array([0.0, 0.3, 10.0, 1e3])
    found = initialization.decompose(KERNELS["tangent"], X, Y, NET, POINTS, ts=ts)
    run = nets.linearized_flow(NET, X, Y, ts, probe=POINTS)
    np.testing.assert_allclose(found.direct, run.probe, atol=1e-9)
    np.testing.assert_allclose(found.total, run.probe, atol=1e-9)


def signed():
    """Four functions whose sums with random signs have this covariance; all of these sums."""

    def functions(x):
        x = np.reshape(x, -1)
        return np.stack([np.ones_like(x), np.sin(4 * x), np.cos(9 * x), np.abs(x - 0.2)])

    def covariance(x1, x2):
        return functions(x1).T @ functions(x2)

    sums = [
        lambda x, signs=signs: np.array(signs) @ functions(x)
        for signs in itertools.product([-1, 1], repeat=4)
    ]
    return covariance, sums


@pytest.mark.parametrize("name", KERNELS)
def test_expected_errors_are_the_means_over_all_initial_outputs(name):
    covariance, sums = signed()
    ts = np.array([0.0, 0.1, 3.0, np.inf])
    target = np.tanh(2 * POINTS)
    expected = initialization.expected_error(KERNELS[name], covariance, X, Y, POINTS, target, ts=ts)
    each = [initialization.decompose(KERNELS[name], X, Y, h, POINTS, ts=ts) for h in sums]
    np.testing.assert_allclose(
        expected.additional, np.mean([one.bias**2 for one in each], axis=0), atol=1e-9
    )
    np.testing.assert_allclose(expected.unbiased, (each[0].unbiased - target) ** 2, atol=1e-10)
    np.testing.assert_allclose(
        expected.total, np.mean([(one.direct - target) ** 2 for one in each], axis=0), atol=1e-9
    )
    measured = initialization.error_over_seeds(KERNELS[name], sums, X, Y, POINTS, target, ts=ts)
    assert measured.additional.shape == measured.total.shape == (16, 4)
    for mean, per_seed, exact in (
        (measured.additional_mean, measured.additional, expected.additional),
        (measured.total_mean, measured.total, expected.total),
    ):
        np.testing.assert_allclose(per_seed.mean(axis=0), exact.mean(axis=1), atol=1e-9)
        np.testing.assert_allclose(mean.value, exact.mean(axis=1), atol=1e-9)
        assert (mean.low <= mean.value).all()
        assert (mean.value <= mean.high).all()
    np.testing.assert_allclose(
        measured.unbiased, expected.unbiased.mean(axis=1), rtol=1e-9, atol=1e-15
    )
    one = each[5]
    np.testing.assert_allclose(measured.additional[5], np.mean(one.bias**2, axis=1), atol=1e-9)
    own = np.mean((one.direct - target) ** 2, axis=1)
    np.testing.assert_allclose(measured.total[5], own, atol=1e-9)


def test_blocks_of_times_and_points_leave_no_seam(monkeypatch):
    ts = [0.0, 0.1, 0.2, 1.0, 3.0, 5.0, 10.0, np.inf]
    covariance = initialization.covariance_of(LAW)
    whole = initialization.additional_error(LAW, covariance, X, POINTS, ts=ts)
    monkeypatch.setattr(_problem, "BLOCK", 3 * 25)  # three times of five weights at five points
    monkeypatch.setattr(expectation, "BLOCK", 2)
    parts = initialization.additional_error(LAW, covariance, X, POINTS, ts=ts)
    assert parts.shape == (8, 5)
    np.testing.assert_allclose(parts, whole, atol=1e-9)


def test_without_a_flow_the_whole_variance_is_left_and_in_the_end_none_at_the_samples():
    covariance = initialization.covariance_of(LAW)
    found = initialization.additional_error(LAW, covariance, X, POINTS, ts=[0.0])
    np.testing.assert_allclose(found[0], np.diag(covariance(POINTS, POINTS)), rtol=1e-12)
    found = initialization.additional_error(LAW, covariance, X, X, ts=[0.0, np.inf])
    assert (found[1] <= 1e-12 * found[0]).all()
    assert (found >= 0).all()


def test_interpolation_with_the_covariance_itself_leaves_the_posterior_variance():
    covariance = initialization.covariance_of(LAW)
    found = initialization.additional_error(covariance, covariance, X, POINTS)
    across = covariance(POINTS, X)
    known = np.sum(across * np.linalg.solve(covariance(X, X), across.T).T, axis=1)
    posterior = np.diag(covariance(POINTS, POINTS)) - known
    np.testing.assert_allclose(found[0], posterior, atol=1e-9)
    # no other kernel interpolates with less
    assert (initialization.additional_error(LAW, covariance, X, POINTS) >= found - 1e-9).all()


@pytest.mark.parametrize(
    ("activation", "function", "rtol"),
    [
        ("erf", erf, 1e-9),
        ("tanh", np.tanh, 1e-8),
        ("sin", np.sin, 1e-9),
        ("relu", lambda z: np.maximum(z, 0), 1e-2),  # Gauss-Hermite meets a kink
    ],
)
@pytest.mark.parametrize("dim", [1, 2])
def test_covariance_is_the_mean_over_the_weights_of_a_neuron(activation, function, rtol, dim):
    law = lfp.TwoLayer(activation=activation, sigma_a=1.3, sigma_w=0.6, sigma_b=0.8)
    random = np.random.default_rng(0)
    x1, x2 = random.uniform(-1, 1, (3, dim)), random.uniform(-1, 1, (2, dim))
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    grid = np.stack(np.meshgrid(*[nodes] * (dim + 1), indexing="ij"), axis=-1).reshape(-1, dim + 1)
    shares = np.prod(np.meshgrid(*[weights] * (dim + 1), indexing="ij"), axis=0).ravel()
    shares /= shares.sum()
    first, second = (function(0.6 * x @ grid[:, :dim].T + 0.8 * grid[:, dim]) for x in (x1, x2))
    expected = 1.3**2 * (first * shares) @ second.T
    found = initialization.covariance_of(law)(x1, x2)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


def test_error_left_is_the_mean_over_single_neurons():
    law = lfp.TwoLayer(sigma_a=1.5, sigma_w=2.0, sigma_b=2.0)
    x, points = np.linspace(-1, 1, 6), np.linspace(-1, 1, 16)
    kernel, covariance = lfp.TwoLayer(sigma_b=10.0), initialization.covariance_of(law)
    exact = initialization.additional_error(kernel, covariance, x, points).mean()
    # as good as a quadrature: a scrambled sequence in (w, b)
    w, b = 2 * ndtri(qmc.Sobol(2, seed=0).random(2**16)).T
    at_samples, outside = (np.maximum(np.outer(at, w) + b, 0) for at in (x, points))
    weights = lfp.interpolate(kernel, x, np.eye(6))(points)
    left = outside - weights @ at_samples
    assert exact == pytest.approx(1.5**2 * np.mean(left**2), rel=5e-3)


def test_errors_over_fresh_networks_are_about_the_expected_ones():
    law = lfp.TwoLayer(sigma_w=2.0, sigma_b=2.0)
    x, points = np.linspace(-1, 1, 12), np.linspace(-1, 1, 64)
    target, ts = np.sin(4 * points), [10.0, np.inf]
    exact = initialization.expected_error(
        law.ntk, initialization.covariance_of(law), x, np.sin(4 * x), points, target, ts=ts
    )
    seeds = jax.random.split(jax.random.key(0), 12)
    fresh = [nets.two_layer(key, width=40, sigma_w=2.0, sigma_b=2.0) for key in seeds]
    found = initialization.error_over_seeds(
        law.ntk, fresh, x, np.sin(4 * x), points, target, ts=ts, level=0.99
    )
    for measured, expected in (
        (found.additional_mean, exact.additional),
        (found.total_mean, exact.total),
    ):
        assert (measured.low <= expected.mean(axis=1)).all()
        assert (expected.mean(axis=1) <= measured.high).all()


def left_on_a_grid(law, covariance, side, dim):
    """Mean square error left, at the midpoints of a quarter of each cell."""
    axis = np.linspace(-1, 1, side)
    middle = (axis[:-1, None] + np.array([1, 3, 5, 7]) / 8 * np.diff(axis)[:, None]).ravel()
    if dim == 2:
        middle = (axis[:-1, None] + np.array([1, 3]) / 4 * np.diff(axis)[:, None]).ravel()
    x, points = (
        np.stack(np.meshgrid(*[at] * dim, indexing="ij"), axis=-1).reshape(-1, dim)
        for at in (axis, middle)
    )
    return initialization.additional_error(law, covariance, x, points).mean()


def slope(ns, errors):
    return np.polyfit(np.log(ns), np.log(errors), 1)[0]


def test_error_left_on_a_line_falls_as_the_third_power_of_the_samples():
    law = lfp.TwoLayer(sigma_b=10.0)
    covariance = initialization.covariance_of(law)
    ns = [8, 16, 32, 64, 128, 256, 512]
    errors = [left_on_a_grid(law, covariance, n, 1) for n in ns]
    assert slope(ns, errors) == pytest.approx(-3, abs=0.2)
    for few, many in itertools.pairwise(range(7)):
        assert slope(ns[few : many + 1], errors[few : many + 1]) == pytest.approx(-3, abs=0.35)


@pytest.mark.slow
def test_error_left_on_grids_in_the_plane_falls_as_the_power_three_halves_of_the_samples():
    law = lfp.TwoLayer(sigma_b=10.0)
    covariance = initialization.covariance_of(law)
    sides = [10, 16, 25, 40]
    errors = [left_on_a_grid(law, covariance, side, 2) for side in sides]
    assert slope(np.square(sides), errors) == pytest.approx(-1.5, abs=0.2)
