"""An ensemble is its single runs, stacked."""

import jax
import numpy as np

import nets

X = np.linspace(-1, 1, 8)
Y = np.sin(3 * X)
PROBE = np.array([0.1, 0.4, 1.1])
TS = [0.0, 1.0, 10.0]
KEYS = jax.random.split(jax.random.key(3), 2)


def make(key):
    return nets.antisymmetric(nets.two_layer(key, width=40, activation="tanh", sigma_b=1.0))


def train(net):
    return nets.gradient_flow(net, X, Y, TS, probe=PROBE, record="networks")


def test_ensemble_equals_its_single_runs():
    runs, singles = nets.ensemble(make, KEYS, train), [train(make(key)) for key in KEYS]
    assert runs.probe is not None
    assert runs.status.reason == ("completed",) * 2
    for i, single in enumerate(singles):
        np.testing.assert_array_equal(runs.fitted[i], single.fitted)
        np.testing.assert_array_equal(runs.probe[i], single.probe)
        np.testing.assert_array_equal(runs.loss[i], single.loss)
        np.testing.assert_array_equal(runs.spectrum([1.5])[i], single.spectrum([1.5]))
        np.testing.assert_array_equal(runs.net.first.w[i], single.net.first.w)
        np.testing.assert_array_equal(runs.net_at(1).first.a[i], single.net_at(1).first.a)
        np.testing.assert_array_equal(runs.kernels(PROBE)[i], single.kernels(PROBE))
        assert runs.status.steps[i] == single.status.steps


def test_linearised_ensemble_has_a_leading_seed_axis():
    runs = nets.ensemble(make, KEYS, lambda net: nets.linearized_flow(net, X, Y, TS, probe=PROBE))
    assert runs.fitted.shape == (2, 3, 8)
    assert runs.probe is not None
    assert runs.probe.shape == (2, 3, 3)
    assert runs.loss.shape == (2, 3)
    assert runs.ts.shape == (3,)
    assert runs.spectrum([0.5, 1.0]).shape == (2, 3, 2)
    assert runs.networks is None
