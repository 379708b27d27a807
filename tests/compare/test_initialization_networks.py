"""The end of a flow under several losses, and what antisymmetric networks are spared."""

import equinox as eqx
import jax
import numpy as np
import pytest

import lfp
import nets
from compare import initialization

LAW = lfp.TwoLayer(activation="relu", sigma_a=1.0, sigma_w=3.0, sigma_b=3.0)
X, Y = np.array([-0.8, -0.2, 0.3, 0.9]), np.array([0.5, -1.0, 0.8, 0.1])
POINTS = np.linspace(-1, 1, 9)
LOSSES = ("mse", 4, 3.0, "huber", "logistic")


def make(key):
    return nets.two_layer(key, width=30, sigma_w=3.0, sigma_b=2.0)


NET = make(jax.random.key(0))


def wavy(x):
    return np.cos(5 * x)


@pytest.mark.parametrize("initial", [None, wavy])
def test_of_one_sample_distance_and_residual_are_those_of_one_number(initial):
    x, y = np.array([0.4]), np.array([1.7])
    ts = np.geomspace(1e-2, 1e3, 12)
    found = initialization.ends_of_flow(
        LAW.ntk, x, y, POINTS, ts, losses=("mse", 4, "huber"), initial=initial
    )
    rate = LAW.ntk(x, x)[0, 0]
    start = abs(1.7 - (0 if initial is None else wavy(0.4)))
    quartic = 1 / np.sqrt(1 + 2 * rate * start**2 * ts)  # r' = -k r^3
    crossing = max(start - 1, 0) / rate
    late = min(start, 1) * np.exp(-rate * np.maximum(ts - crossing, 0))
    huber = np.where(ts < crossing, start - rate * ts, late) / start
    expected = [np.exp(-rate * ts), quartic, huber]
    np.testing.assert_allclose(found.residual, expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.distance, found.residual, rtol=1e-9, atol=1e-11)
    assert found.losses == ("mse", 4, "huber")
    np.testing.assert_array_equal(found.ts, ts)


@pytest.mark.parametrize("kernel", [LAW, LAW.ntk, initialization.tangent_kernel_of(NET)])
@pytest.mark.parametrize("initial", [None, wavy])
def test_every_loss_ends_in_the_interpolant_of_least_norm(kernel, initial):
    last = 1e8 / lfp.solve(kernel, X, Y, [1.0]).status.lambda_max
    found = initialization.ends_of_flow(
        kernel, X, Y, POINTS, [last / 1e8, last], losses=LOSSES, initial=initial
    )
    limit = lfp.interpolate(kernel, X, Y, initial=initial)(POINTS)
    np.testing.assert_allclose(found.limit, limit, rtol=1e-12)
    np.testing.assert_array_less(found.distance[:, -1], 2e-2)
    exponential = [0, 3, 4]
    np.testing.assert_array_less(found.distance[exponential, -1], 1e-6)
    # on the way they are apart
    assert np.ptp(found.distance[:, 0]) > 1e-2


def test_at_every_time_the_distance_is_that_of_the_interpolant_of_the_residual():
    ts = np.array([0.1, 2.0, 30.0])
    found = initialization.ends_of_flow(LAW.ntk, X, Y, POINTS, ts, losses=LOSSES)
    scale = np.linalg.norm(found.limit)
    for i, loss in enumerate(LOSSES):
        fitted = lfp.solve(LAW.ntk, X, Y, ts, loss=loss).fitted
        for k in range(3):
            rest = lfp.interpolate(LAW.ntk, X, fitted[k] - Y)(POINTS)
            assert found.distance[i, k] == pytest.approx(np.linalg.norm(rest) / scale, rel=1e-7)


def jacobian():
    """Gradients of the outputs at the samples, (n, parameters)."""
    rows = jax.jacobian(lambda net: net(X))(eqx.filter(NET, eqx.is_inexact_array))
    return np.concatenate([np.reshape(row, (4, -1)) for row in jax.tree.leaves(rows)], axis=1)


@pytest.mark.parametrize("losses", [("mse",), pytest.param(LOSSES, marks=pytest.mark.slow)])
def test_a_linearised_network_moves_least_under_every_loss(losses):
    rate = np.linalg.eigvalsh(jacobian() @ jacobian().T / 4)
    ts = np.array([0.0, 1 / rate[-1], 30 / rate[0], 1e4 / rate[0]])
    found = initialization.ends_of_network(
        NET, X, Y, POINTS, ts, trained=False, losses=losses, rtol=1e-8
    )
    start = np.asarray(NET(X))
    least = np.linalg.norm(np.linalg.pinv(jacobian()) @ (Y - start))
    assert found.least_movement == pytest.approx(least, rel=1e-9)
    np.testing.assert_allclose(found.distance[:, 0], 1)
    np.testing.assert_allclose(found.residual[:, 0], 1)
    np.testing.assert_allclose(found.movement[0], least, rtol=1e-8)
    np.testing.assert_array_less(found.distance[0, -2:], 1e-8)
    np.testing.assert_allclose(found.movement, least, rtol=0.05)  # p > 2 are not there yet
    kernel = initialization.tangent_kernel_of(NET)
    flow = initialization.ends_of_flow(kernel, X, Y, POINTS, ts, losses=losses, initial=NET)
    np.testing.assert_allclose(found.distance, flow.distance, atol=1e-5)
    np.testing.assert_allclose(found.limit, flow.limit, atol=1e-8)


@pytest.mark.parametrize("alpha", [1.0, 2.5])
def test_before_the_end_the_movement_is_that_of_the_gradients_at_the_samples(alpha):
    ts = np.array([0.0, 0.2])
    start = alpha * np.asarray(NET(X))  # not zero: what is trained is alpha times the network
    rates, modes = np.linalg.eigh(jacobian() @ jacobian().T / 4)  # whatever alpha
    change = modes @ (-np.expm1(-0.2 * rates) * (modes.T @ (Y - start)))
    moved, least = (np.linalg.norm(np.linalg.pinv(jacobian()) @ by) for by in (change, Y - start))
    found = initialization.ends_of_network(
        NET, X, Y, POINTS, ts, trained=False, losses=("mse",), lazy_scale=alpha, rtol=1e-8
    )
    assert found.movement[0] == pytest.approx(moved / alpha, rel=1e-6)
    assert found.least_movement == pytest.approx(least / alpha, rel=1e-9)
    np.testing.assert_allclose(found.residual[0, 0], 1)
    np.testing.assert_allclose(found.distance[0, 0], 1)
    own = initialization.tangent_kernel_of(NET)
    limit = lfp.interpolate(own, X, Y, initial=lambda x: alpha * np.asarray(NET(x)))(POINTS)
    np.testing.assert_allclose(found.limit, limit, atol=1e-8)


def ends_of_trained(losses, alpha):
    """Of a pair of tanh networks on two samples."""
    pair = nets.antisymmetric(nets.two_layer(jax.random.key(1), width=30, activation="tanh"))
    x, y = X[::3], Y[::3]
    last = 30 / np.linalg.eigvalsh(np.asarray(nets.tangent_kernel(pair, x, x)) / 2)[0]
    return initialization.ends_of_network(
        pair, x, y, POINTS, [last], trained=True, losses=losses, lazy_scale=alpha
    )


@pytest.mark.slow
def test_a_lazy_trained_network_ends_where_the_linearised_one_does():
    found = ends_of_trained(("mse",), 300.0)
    assert found.residual[0, 0] < 1e-5
    assert found.distance[0, 0] < 2e-3
    assert found.movement[0] == pytest.approx(found.least_movement, rel=2e-3)


@pytest.mark.slow
def test_trained_networks_end_closer_to_the_least_movement_the_lazier_they_are():
    ends = [ends_of_trained(("mse", "logistic"), alpha) for alpha in (3.0, 300.0)]
    np.testing.assert_array_less(ends[1].distance * 10, ends[0].distance)
    np.testing.assert_array_less(ends[1].distance, 2e-3)
    np.testing.assert_allclose(ends[1].movement, ends[1].least_movement, rtol=2e-3)
    np.testing.assert_allclose(100 * ends[1].least_movement, ends[0].least_movement, rtol=1e-9)


TARGET = np.sin(3 * POINTS)
TS = np.geomspace(2.0**-6, 2.0**20, 105)  # four to an octave


@pytest.fixture(scope="module")
def linearised():
    keys = jax.random.split(jax.random.key(7), 3)
    return keys, initialization.over_initializations(
        make, keys, X, Y, POINTS, TARGET, TS, trained=False
    )


def test_pairs_start_at_exactly_zero_and_plain_networks_at_their_output(linearised):
    keys, found = linearised
    assert found.initialization.values.tolist() == ["plain", "antisymmetric", "doubled"]
    assert not found.initial.sel(initialization=["antisymmetric", "doubled"]).any()
    for seed, key in enumerate(keys):
        plain = found.initial.sel(initialization="plain", seed=seed)
        np.testing.assert_array_equal(plain, make(key)(X))


def test_lazy_networks_start_at_alpha_times_their_output():
    keys = list(jax.random.split(jax.random.key(7), 2))  # keys may come as a list
    found = initialization.over_initializations(
        make, keys, X, Y, POINTS, TARGET, [0.0, 1.0], trained=False, lazy_scale=2.5
    )
    for seed, key in enumerate(keys):
        plain = found.sel(initialization="plain", seed=seed)
        np.testing.assert_allclose(plain.initial, 2.5 * np.asarray(make(key)(X)), rtol=1e-12)
        np.testing.assert_allclose(plain.fitted[0], plain.initial, rtol=1e-7)
        np.testing.assert_allclose(plain.probe[0], 2.5 * np.asarray(make(key)(POINTS)), rtol=1e-7)
    assert found.attrs["lazy_scale"] == 2.5


def test_antisymmetric_pairs_keep_the_tangent_kernel_and_doubled_ones_have_it_twice(linearised):
    factor = linearised[1].kernel_factor
    np.testing.assert_allclose(factor.sel(initialization="plain"), 1, rtol=1e-14)
    np.testing.assert_allclose(factor.sel(initialization="antisymmetric"), 1, rtol=1e-12)
    np.testing.assert_allclose(factor.sel(initialization="doubled"), 2, rtol=1e-12)
    assert (linearised[1].kernel_error < 1e-12).all()


def test_doubled_pairs_need_half_the_time(linearised):
    found = linearised[1]
    pair, twice = (found.sel(initialization=name) for name in ("antisymmetric", "doubled"))
    np.testing.assert_allclose(
        twice.probe.values[:, :-4], pair.probe.values[:, 4:], rtol=1e-6, atol=1e-8
    )
    np.testing.assert_allclose(twice.half_time, pair.half_time / 2, rtol=1e-6)
    assert np.isfinite(pair.half_time).all()
    for one in (found.sel(initialization="plain"), pair):
        left = np.linalg.norm(one.fitted - Y, axis=2)
        half = np.linalg.norm(one.initial - Y, axis=1) / 2
        for seed in range(3):
            first = TS[np.argmax(left[seed] <= half[seed])]
            assert first / 2**0.25 <= one.half_time[seed] <= first


def test_a_plain_network_differs_from_its_pair_by_what_its_initial_output_leaves(linearised):
    keys, found = linearised
    for seed, key in enumerate(keys):
        net = make(key)
        kernel = initialization.tangent_kernel_of(net)
        parts = initialization.decompose(kernel, X, Y, net, POINTS, ts=TS)
        one = found.sel(seed=seed)
        plain, pair = (one.sel(initialization=name) for name in ("plain", "antisymmetric"))
        np.testing.assert_allclose(plain.probe - pair.probe, parts.bias, atol=1e-7)
        np.testing.assert_allclose(pair.probe, parts.unbiased, atol=1e-7)
        excess = np.mean(parts.bias**2 + 2 * (parts.unbiased - TARGET) * parts.bias, axis=1)
        np.testing.assert_allclose(plain.excess, excess, atol=1e-6)
        np.testing.assert_allclose(
            plain.error, np.mean((parts.direct - TARGET) ** 2, axis=1), atol=1e-6
        )
    assert not found.excess.sel(initialization="antisymmetric").any()


def test_means_over_the_seeds_stand_between_their_limits(linearised):
    found = linearised[1]
    for name in ("error", "excess"):
        np.testing.assert_allclose(found[f"{name}_mean"], found[name].mean("seed"), atol=1e-12)
        assert (found[f"{name}_low"] <= found[f"{name}_mean"] + 1e-12).all()
        assert (found[f"{name}_mean"] <= found[f"{name}_high"] + 1e-12).all()


def test_the_dataset_survives_a_file(linearised, tmp_path):
    import xarray

    found = linearised[1]
    path = tmp_path / "schemes.nc"
    found.to_netcdf(path, engine="h5netcdf")
    with xarray.open_dataset(path, engine="h5netcdf") as again:
        xarray.testing.assert_identical(again.load(), found)


@pytest.mark.slow
def test_lazy_trained_networks_of_several_inputs_follow_the_linearised_ones():
    def tiny(key):
        return nets.two_layer(key, dim=2, width=10, activation="tanh", sigma_b=1.0)

    random = np.random.default_rng(0)
    x, y = random.uniform(-1, 1, (2, 2)), np.array([1.0, -0.5])
    points, keys = random.uniform(-1, 1, (3, 2)), jax.random.split(jax.random.key(0), 2)
    ts = np.array([0.5, 5.0])
    found = [
        initialization.over_initializations(
            tiny, keys, x, y, points, np.zeros(3), ts, trained=trained, lazy_scale=200.0, rtol=1e-5
        )
        for trained in (True, False)
    ]
    pairs = [one.probe.sel(initialization=["antisymmetric", "doubled"]) for one in found]
    np.testing.assert_allclose(pairs[0], pairs[1], atol=2e-3)
    assert (found[0].reason == "completed").all()
    assert found[0].x.shape == (2, 2)
    assert found[0].attrs["trained"] == 1
