import numpy as np
import pytest

import lfp

X = np.array([-0.7, 0.1, 0.4, 0.9])
Y = np.array([1.0, -0.5, 0.3, 0.8])


def trained_outputs(loss, prefactor, output_scale, t_there, width=3000):
    """Outputs after gradient descent in another convention, one parameter group written out."""
    rng = np.random.default_rng(0)
    a, w, b = rng.normal(size=width), rng.normal(size=width), 2 * rng.normal(size=width)
    front = {"1/sqrt(width)": width**-0.5, "1": 1.0, "1/width": 1 / width}[prefactor]
    front *= output_scale
    n = len(X)
    weight = {"half_mean": 1 / n, "mean": 2 / n, "half_sum": 1.0, "sum": 2.0}[loss]
    # the network's outputs move on the line of its own kernel while the parameters move little
    hidden = np.maximum(np.outer(X, w) + b, 0)
    active = (np.outer(X, w) + b > 0) * a
    kernel = front**2 * (hidden @ hidden.T + (active @ active.T) * (1 + np.outer(X, X)))
    values, vectors = np.linalg.eigh(weight * kernel)
    return Y - vectors @ (np.exp(-values * t_there) * (vectors.T @ Y))


@pytest.mark.parametrize("loss", ["half_mean", "mean", "half_sum", "sum"])
@pytest.mark.parametrize("prefactor", ["1/sqrt(width)", "1", "1/width"])
def test_time_factor_maps_every_convention_onto_one_axis(loss, prefactor):
    factor = lfp.time_factor(
        loss=loss, samples=4, prefactor=prefactor, width=3000, output_scale=1.7
    )
    ours = trained_outputs("half_mean", "1/sqrt(width)", 1.0, 5.0)
    theirs = trained_outputs(loss, prefactor, 1.7, 5.0 / factor)
    np.testing.assert_allclose(theirs, ours, rtol=1e-9)


def test_mean_over_outputs_divides_the_time():
    assert lfp.time_factor(loss="mean", outputs=4) == 0.5


def test_unknown_conventions_are_named():
    with pytest.raises(ValueError, match="loss must be one of 'half_mean'"):
        lfp.time_factor(loss="huber")
    with pytest.raises(ValueError, match="prefactor must be one of"):
        lfp.time_factor(prefactor="m")
    with pytest.raises(ValueError, match="samples must be at least 1, got 0"):
        lfp.time_factor(samples=0)
    with pytest.raises(ValueError, match="output_scale must be positive and finite, got 0"):
        lfp.time_factor(output_scale=0)
