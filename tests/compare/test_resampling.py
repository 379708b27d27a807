"""Seeds drawn again, and limits of what comes out."""

import numpy as np
import pytest
from scipy import stats

from compare.resampling import bootstrap


def test_shares_are_those_of_seeds_drawn_with_replacement():
    shares = bootstrap(level=0.9, resamples=40_000, seed=0).shares(3)
    assert shares.shape == (40_000, 3)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    # every seed of a resample once: 3!/3^3; one seed alone: 3/3^3
    assert (shares == 1 / 3).all(axis=1).mean() == pytest.approx(6 / 27, abs=0.01)
    assert (shares == 1).any(axis=1).mean() == pytest.approx(3 / 27, abs=0.01)


def test_limits_of_equidistant_values_are_their_widened_levels():
    values = np.linspace(0, 1, 1001)[:, None] * [1.0, -2.0]
    found = bootstrap(level=0.9, resamples=1, seed=0).limits(values, 5)
    tail = stats.norm.sf(stats.t.ppf(0.95, 4) * (5 / 4) ** 0.5)
    np.testing.assert_allclose(found, [[tail, -2 * (1 - tail)], [1 - tail, -2 * tail]])


def test_the_same_seed_draws_the_same():
    first, second, third = (
        bootstrap(level=0.9, resamples=9, seed=seed).shares(4) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != third).any()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"level": 1}, ValueError, "level must be between 0 and 1, got 1"),
        ({"resamples": 0}, ValueError, "resamples must be at least 1, got 0"),
        ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ({"seed": True}, TypeError, "seed must be an integer, got True"),
    ],
)
def test_bad_options_are_named(options, error, message):
    with pytest.raises(error, match=message):
        bootstrap(**({"level": 0.9, "resamples": 2, "seed": 0} | options))
