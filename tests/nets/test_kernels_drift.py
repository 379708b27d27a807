"""Drift of the tangent kernel and of the parameters along a run."""

import equinox as eqx
import jax
import numpy as np
import pytest

import nets

X = np.linspace(-1, 1, 6)
Y = np.sin(3 * X)
NET = nets.two_layer(jax.random.key(0), width=20, activation="tanh", sigma_b=1.0)
TS = np.array([0.0, 1.0, 10.0])
PROBE = np.array([-0.5, 0.1, 0.7])


def run(net=NET, *, record="networks", **options):
    return nets.gradient_flow(net, X, Y, TS, record=record, **options)


def vector(net):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(net)])


def test_drifts_are_relative_changes_from_the_start():
    trained = run()
    last = trained.net_at(2)
    kernels = [np.asarray(nets.tangent_kernel(net, PROBE, PROBE)) for net in (NET, last)]
    expected = np.linalg.norm(kernels[1] - kernels[0]) / np.linalg.norm(kernels[0])
    of_kernel = nets.kernel_drift(trained, NET, PROBE)
    assert of_kernel[2] == pytest.approx(expected, rel=1e-9)
    moved = np.linalg.norm(vector(last) - vector(NET)) / np.linalg.norm(vector(NET))
    of_parameters = nets.parameter_drift(trained, NET)
    assert of_parameters[2] == pytest.approx(moved, rel=1e-12)
    for drift in (of_kernel, of_parameters):
        assert drift.shape == (3,)
        assert drift[0] == 0
        assert (np.diff(drift) > 0).all()


def test_drifts_of_a_pair_fall_with_the_lazy_scale():
    """As 1/alpha, the kernel as its square: to first order the two halves move it back."""
    pair = nets.antisymmetric(NET)
    runs = [run(pair, lazy_scale=scale, rtol=1e-5) for scale in (1e3, 2e3)]
    for drifts, ratio in (
        ([nets.parameter_drift(it, pair)[1:] for it in runs], 2.0),
        ([nets.kernel_drift(it, pair, PROBE)[1:] for it in runs], 4.0),
    ):
        np.testing.assert_allclose(drifts[0] / drifts[1], ratio, rtol=1e-2)


def test_ensemble_has_the_drifts_of_its_runs():
    keys = jax.random.split(jax.random.key(1), 2)

    def make(key):
        return nets.two_layer(key, width=20, activation="tanh", sigma_b=1.0)

    both = nets.ensemble(make, keys, run)
    initial = eqx.filter_vmap(make)(keys)
    of_kernel, of_parameters = (
        nets.kernel_drift(both, initial, X),
        nets.parameter_drift(both, initial),
    )
    assert of_kernel.shape == of_parameters.shape == (2, 3)
    for seed, key in enumerate(keys):
        single = run(make(key))
        np.testing.assert_allclose(
            of_kernel[seed], nets.kernel_drift(single, make(key), X), rtol=1e-6
        )
        np.testing.assert_allclose(
            of_parameters[seed], nets.parameter_drift(single, make(key)), rtol=1e-6
        )


def test_frozen_arrays_do_not_count():
    net = nets.two_layer_kinks(jax.random.key(0), dim=1, width=9, frozen_directions=True)
    trained = run(net)
    last = trained.net_at(2)
    start, end = (np.concatenate([it.w, it.r, it.l]) for it in (net, last))
    moved = np.linalg.norm(end - start) / np.linalg.norm(start)
    assert nets.parameter_drift(trained, net)[2] == pytest.approx(moved, rel=1e-12)


def test_runs_without_networks_have_no_drift():
    with pytest.raises(ValueError, match="networks were not recorded"):
        nets.parameter_drift(run(record="outputs"), NET)


@pytest.mark.parametrize("other", [{"width": 21}, {"width": 20, "dim": 2}])
def test_drift_from_another_network(other):
    with pytest.raises(ValueError, match="initial must be the network that the run began with"):
        nets.parameter_drift(run(), nets.two_layer(jax.random.key(0), **other))


def test_points_of_the_drift():
    with pytest.raises(ValueError, match="x must have points of dimension 1"):
        nets.kernel_drift(run(), NET, np.ones((2, 2)))
