"""Tangent kernels along a run."""

import equinox as eqx
import jax
import numpy as np
import optax
import pytest

import nets

KEY = jax.random.key(0)
X = np.linspace(-1, 1, 4)
Y = np.stack([np.sin(3 * X), X**2], axis=1)
PROBE = np.array([-0.4, 0.1, 0.9])
WILD = optax.sgd(100.0)
AT = [0, 1, 400]


def make(key, dtype=None):
    return nets.mlp(key, widths=(1, 5, 2), activation="relu", weight_std=0.8, dtype=dtype)


class Shifted(eqx.Module):
    net: eqx.Module
    by: nets.Frozen

    def __call__(self, x):
        return self.net(x + self.by.value)


def train(net):
    return nets.train(
        net, X, Y, optimizer=WILD, steps=400, record_at=AT, record="networks", throw=False
    )


@pytest.mark.bits
def test_kernels_of_several_outputs_are_those_of_the_recorded_networks():
    run = train(make(KEY))
    kernels = run.kernels(PROBE)
    assert kernels.shape == (3, 3, 3, 2, 2)
    for i in range(2):
        expected = nets.tangent_kernel(run.net_at(i), PROBE, PROBE)
        np.testing.assert_array_equal(kernels[i], expected)
    assert np.isnan(run.loss[2])
    assert np.isnan(kernels[2]).all()


def test_kernels_of_an_ensemble_of_several_outputs_have_the_seeds_in_front():
    keys = jax.random.split(KEY, 2)
    kernels = nets.ensemble(make, keys, train).kernels(PROBE)
    assert kernels.shape == (2, 3, 3, 3, 2, 2)
    for seed, key in enumerate(keys):
        np.testing.assert_allclose(kernels[seed], train(make(key)).kernels(PROBE), rtol=1e-12)


@pytest.mark.filterwarnings("ignore:the tangent kernel has a condition number:UserWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kernels_have_the_dtype_of_the_network(dtype):
    assert train(make(KEY, dtype)).kernels(PROBE).dtype == dtype


def test_condition_of_the_kernels_of_a_run_is_warned_of_once():
    near = 1e-4 * PROBE  # kernels of nearby points differ by little
    run = train(make(KEY, "float32"))
    with pytest.warns(UserWarning, match="the tangent kernel has a condition number") as warned:
        kernels = run.kernels(near)
    assert len(warned) == 1
    assert np.isfinite(kernels[:2]).all()


@pytest.mark.filterwarnings("error")
def test_drift_of_ill_conditioned_kernels_is_given_without_a_warning():
    net = make(KEY, "float32")
    run = train(net)
    drift = nets.kernel_drift(run, net, 1e-4 * PROBE)
    assert np.isfinite(drift[:2]).all()
    assert np.isnan(drift[2])


def test_frozen_arrays_of_an_ensemble_are_those_of_each_seed():
    def make_shifted(key):
        return Shifted(make(key), nets.Frozen(jax.random.normal(key, (1,))))

    keys = jax.random.split(KEY, 2)
    kernels = nets.ensemble(make_shifted, keys, train).kernels(PROBE)
    for seed, key in enumerate(keys):
        expected = nets.tangent_kernel(make_shifted(key), PROBE, PROBE)
        np.testing.assert_allclose(kernels[seed, 0], expected, rtol=1e-12)
