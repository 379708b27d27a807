"""One distance of trajectories over samples and frequencies, and its interval over seeds."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import lfp
from compare import distances, measures, spectra


@pytest.fixture
def random():
    return np.random.default_rng(0)


def test_distance_is_the_quotient_of_root_sums_of_squares(random):
    first, second = random.normal(size=(2, 5, 7))
    target, initial = random.normal(size=(2, 7))
    found = distances.distance(first, second, target=target, initial=initial)
    for t in range(5):
        between = sum(abs(a - b) ** 2 for a, b in zip(first[t], second[t], strict=True)) ** 0.5
        learned = sum((f - h) ** 2 for f, h in zip(target, initial, strict=True)) ** 0.5
        assert found[t] == pytest.approx(between / learned, rel=1e-13)


def test_distance_of_a_flow_from_its_start_to_its_target_is_one(random):
    target, initial = random.normal(size=(2, 6))
    found = distances.distance([initial, target], [target, target], target=target, initial=initial)
    np.testing.assert_allclose(found, [1, 0], atol=1e-15)


def test_theory_broadcasts_over_seeds_with_their_own_start(random):
    networks, theory = random.normal(size=(2, 3, 4, 6)), random.normal(size=(4, 6))
    target, initial = random.normal(size=6), random.normal(size=(2, 3, 6))
    found = distances.distance(networks, theory, target=target, initial=initial)
    assert found.shape == (2, 3, 4)
    one = distances.distance(networks[1, 2], theory, target=target, initial=initial[1, 2])
    np.testing.assert_allclose(found[1, 2], one)


@settings(max_examples=20, deadline=None)
@given(n=st.integers(2, 20), seed=st.integers(0, 10**6))
def test_over_all_frequencies_of_a_grid_it_is_the_distance_over_samples(n, seed):
    random = np.random.default_rng(seed)
    x = 3 + 0.1 * np.arange(n)
    first, second = random.normal(size=(2, 4, n))
    target, initial = random.normal(size=(2, n))
    over_samples = distances.distance(first, second, target=target, initial=initial)
    over_frequencies = distances.distance(
        *(spectra.dft(x, values) for values in (first, second)),
        target=spectra.dft(x, target),
        initial=spectra.dft(x, initial),
    )
    np.testing.assert_allclose(over_frequencies, over_samples, rtol=1e-10)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), factor=st.floats(1e-3, 1e3))
def test_distance_is_a_metric_without_unit(seed, factor):
    random = np.random.default_rng(seed)
    a, b, c = random.normal(size=(3, 4, 5))
    target = random.normal(size=5)

    def between(one, other, scale=1.0):
        return distances.distance(scale * one, scale * other, target=scale * target)

    assert (between(a, c) <= (between(a, b) + between(b, c)) * (1 + 1e-12)).all()
    np.testing.assert_allclose(between(a, b), between(b, a))
    np.testing.assert_allclose(between(a, b), between(a, b, factor), rtol=1e-10)
    assert not between(a, a).any()


def test_distance_from_the_ntk_flow_is_that_of_the_studies(random):
    law = lfp.TwoLayer(activation="relu", sigma_a=1.0, sigma_w=1.0, sigma_b=5.0)
    x, y, initial = np.linspace(-1, 1, 8), random.normal(size=8), 0.1 * random.normal(size=8)
    ts = lfp.times(law.ntk, x, decades=3, points=6)
    task = measures.Task(law, x, y, ts, 1 / float(ts[0]), ts, ts + 0j, None)
    fitted = random.normal(size=(6, 8))
    flow = lfp.solve(law.ntk, x, y, ts, initial=lambda _: initial)
    np.testing.assert_allclose(
        distances.distance(fitted, flow.fitted, target=y, initial=initial),
        measures.distance(task, initial, fitted),
        rtol=1e-12,
    )


def test_distance_is_nan_from_a_failed_training_on():
    first = np.array([[1.0, 2.0], [np.nan, np.nan]])
    found = distances.distance(first, np.zeros((2, 2)), target=[3.0, 4.0])
    np.testing.assert_allclose(found, [5**0.5 / 5, np.nan])


def every_resample(values):
    """Means over seeds of all s^s samples drawn with replacement."""
    count = len(values)
    return np.array(
        [values[list(pick)].mean(axis=0) for pick in itertools.product(range(count), repeat=count)]
    )


@pytest.mark.parametrize("level", [0.5, 0.8])
def test_limits_are_the_quantiles_of_all_resamples_at_the_widened_level(random, level):
    values = random.uniform(1, 2, (5, 3))
    found = distances.over_seeds(values, level=level, resamples=200_000)
    wide = stats.t.ppf((1 + level) / 2, 4) * (5 / 4) ** 0.5
    tail = stats.norm.sf(wide)
    means = every_resample(values)
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    np.testing.assert_allclose(found.mean.low, low, atol=0.01)
    np.testing.assert_allclose(found.mean.high, high, atol=0.01)
    np.testing.assert_allclose(found.mean.value, values.mean(axis=0))
    least, most = np.quantile(means.max(axis=1), [tail, 1 - tail])
    assert found.largest.low == pytest.approx(least, abs=0.01)
    assert found.largest.high == pytest.approx(most, abs=0.01)
    assert found.largest.value == values.mean(axis=0).max()


def test_limits_are_those_of_scipy_at_the_widened_level(random):
    values = random.gamma(2.0, size=(30, 1))
    found = distances.over_seeds(values, level=0.9, resamples=50_000)
    widened = 1 - 2 * stats.norm.sf(stats.t.ppf(0.95, 29) * (30 / 29) ** 0.5)
    scipy = stats.bootstrap(
        (values[:, 0],), np.mean, confidence_level=widened, n_resamples=50_000,
        method="percentile", rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert found.mean.low[0] == pytest.approx(scipy.low, rel=0.01)
    assert found.mean.high[0] == pytest.approx(scipy.high, rel=0.01)


def test_intervals_cover_the_mean_as_often_as_they_say():
    random = np.random.default_rng(3)
    covered = 0
    for trial in range(1000):
        found = distances.over_seeds(random.normal(size=(8, 1)), resamples=500, seed=trial).mean
        covered += found.low[0] <= 0 <= found.high[0]
    # plain percentiles cover 0.89 of 1000; three standard errors of a binomial are 0.02
    assert 0.925 < covered / 1000 < 0.97


def test_more_seeds_narrow_the_interval_as_one_over_their_root(random):
    values = random.normal(size=(6400, 1))
    wide, narrow = (distances.over_seeds(values[:s]).mean for s in (100, 6400))
    ratio = (wide.high - wide.low) / (narrow.high - narrow.low)
    assert ratio[0] == pytest.approx(8, rel=0.2)


def test_equal_seeds_have_no_spread_and_every_leading_axis_is_its_own(random):
    one = random.uniform(size=(2, 4))
    found = distances.over_seeds(np.stack([one] * 3), resamples=50)
    np.testing.assert_allclose(found.mean.low, one)
    np.testing.assert_allclose(found.mean.high, one)
    np.testing.assert_allclose(found.largest.value, one.max(axis=1))
    values = random.uniform(size=(5, 2, 4))
    whole = distances.over_seeds(values)
    part = distances.over_seeds(values[:, 1])
    np.testing.assert_array_equal(whole.mean.high[1], part.mean.high)
    assert whole.largest.low[1] == part.largest.low
    assert (whole.seeds, whole.level) == (5, 0.95)


def test_a_seed_that_failed_makes_the_times_after_it_unknown(random):
    values = random.uniform(size=(4, 3))
    values[2, 1:] = np.nan
    found = distances.over_seeds(values)
    np.testing.assert_array_equal(np.isnan(found.mean.low), [False, True, True])
    assert np.isnan([found.largest.value, found.largest.low, found.largest.high]).all()


def test_bad_arguments_are_refused_by_name():
    flat = np.ones((4, 3))
    with pytest.raises(ValueError, match=r"same T and n, got \(4, 3\) and \(5, 3\)"):
        distances.distance(flat, np.ones((5, 3)), target=np.ones(3))
    with pytest.raises(
        ValueError, match=r"target must have shape \(\.\.\., 3\) like first, got \("
    ):
        distances.distance(flat, flat, target=np.ones(4))
    with pytest.raises(ValueError, match=r"target must have shape .* got \(\)"):
        distances.distance(flat, flat, target=1.0)
    with pytest.raises(ValueError, match=r"initial must have shape .* got \(1,\)"):
        distances.distance(flat, flat, target=np.ones(3), initial=[1.0])
    with pytest.raises(ValueError, match="target must differ from initial"):
        distances.distance(flat, flat, target=np.ones(3), initial=np.ones(3))
    with pytest.raises(ValueError, match=r"must broadcast, got \(2, 4, 3\), \(5, 4, 3\)"):
        distances.distance(np.ones((2, 4, 3)), np.ones((5, 4, 3)), target=np.ones(3))
    with pytest.raises(ValueError, match="target must be finite, got nan at index"):
        distances.distance(flat, flat, target=[1.0, np.nan, 1.0])
    with pytest.raises(TypeError, match="second must hold numbers"):
        distances.distance(flat, [["a"]], target=np.ones(3))
    with pytest.raises(ValueError, match=r"at least 2 seeds s, got \(1, 3\)"):
        distances.over_seeds(np.ones((1, 3)))
    with pytest.raises(ValueError, match=r"level must be between 0 and 1, got 95"):
        distances.over_seeds(flat, level=95)
    with pytest.raises(ValueError, match="resamples must be at least 1, got 0"):
        distances.over_seeds(flat, resamples=0)
    with pytest.raises(TypeError, match=r"seed must be an integer, got 1\.5"):
        distances.over_seeds(flat, seed=1.5)
    with pytest.raises(TypeError, match="distances must hold real numbers, got dtype complex128"):
        distances.over_seeds(flat + 1j)
