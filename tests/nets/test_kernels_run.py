"""Tangent kernels along a run."""

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


def train(net):
    return nets.train(
        net, X, Y, optimizer=WILD, steps=400, record_at=AT, record="networks", throw=False
    )


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
