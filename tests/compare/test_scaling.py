"""Fitted exponents and rates: against polynomial fits, exact laws and their coverage."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from compare.scaling import exponent, rate


@settings(deadline=None, max_examples=30)
@given(st.floats(-5, 5), st.floats(1e-3, 1e3), st.integers(3, 9), st.integers(0, 999))
def test_an_exact_power_law_has_its_exponent_and_no_scatter(power, factor, points, seed):
    at = np.random.default_rng(seed).permutation(np.geomspace(0.1, 20, points))
    found = exponent(at, factor * at**power)
    assert found.exponent == pytest.approx(power, abs=1e-12)
    assert found.prefactor == pytest.approx(factor, rel=1e-11)
    assert found.scatter < 1e-12
    assert found.high - found.low < 1e-10
    assert (found.points, found.seeds, found.level) == (points, 1, 0.95)


def test_exponent_and_interval_are_those_of_linear_regression_in_logarithms():
    rng = np.random.default_rng(3)
    at = np.array([1.0, 2.0, 2.0, 7.0, 30.0])
    values = 3 * at**-1.5 * np.exp(0.2 * rng.normal(size=5))
    found = exponent(at, values, level=0.8)
    peer = stats.linregress(np.log(at), np.log(values))
    assert found.exponent == pytest.approx(peer.slope, rel=1e-12)
    assert found.prefactor == pytest.approx(np.exp(peer.intercept), rel=1e-12)
    half = stats.t.ppf(0.9, 3) * peer.stderr
    np.testing.assert_allclose([found.low, found.high], [peer.slope - half, peer.slope + half])
    left = np.log(values) - peer.intercept - peer.slope * np.log(at)
    assert found.scatter == pytest.approx(np.sqrt((left**2).mean()), rel=1e-12)


def test_units_of_both_axes_leave_the_exponent_and_its_interval():
    rng = np.random.default_rng(0)
    at, values = np.geomspace(1, 50, 6), rng.uniform(1, 2, (5, 6))
    for shaped in (values, values[0]):
        one, other = exponent(at, shaped), exponent(1e3 * at, 1e-7 * shaped)
        limits = [one.exponent, one.low, one.high], [other.exponent, other.low, other.high]
        np.testing.assert_allclose(*limits, atol=1e-9)


def test_limits_over_seeds_are_the_quantiles_of_all_resamples_at_the_widened_level():
    rng = np.random.default_rng(1)
    at = np.array([1.0, 1.5, 2.0, 3.0])
    values = at**-0.5 * rng.uniform(1, 9, (5, 4))
    found = exponent(at, values, level=0.8, resamples=100_000)
    slopes = [
        np.polyfit(np.log(at), np.log(values[list(pick)].mean(axis=0)), 1)[0]
        for pick in itertools.product(range(5), repeat=5)
    ]
    tail = stats.norm.sf(stats.t.ppf(0.9, 4) * np.sqrt(5 / 4))
    np.testing.assert_allclose(
        [found.low, found.high], np.quantile(slopes, [tail, 1 - tail]), atol=0.002
    )
    mean = np.polyfit(np.log(at), np.log(values.mean(axis=0)), 1)[0]
    assert found.exponent == pytest.approx(mean, rel=1e-12)
    assert found.seeds == 5


@pytest.mark.parametrize("seeds", [None, 16])
def test_intervals_hold_the_exponent_about_as_often_as_they_say(seeds):
    rng = np.random.default_rng(7)
    at = np.geomspace(64, 4096, 4)
    held = 0
    for _ in range(400):
        noise = rng.normal(size=(seeds or 1, 4))
        values = at**-0.5 * np.exp(0.3 * noise)
        found = exponent(at, values if seeds else values[0], resamples=400)
        held += found.low <= -0.5 <= found.high
    # 0.94 to 0.95 expected; four standard deviations of a count of 400 are 0.045
    assert abs(held / 400 - 0.945) < 0.045


@settings(deadline=None, max_examples=30)
@given(st.floats(-3, 3), st.floats(1e-5, 1e5), st.integers(3, 20))
def test_an_exact_decay_has_its_rate(decay, factor, recordings):
    ts = np.linspace(0, 2, recordings)
    found = rate(ts, factor * np.exp(-decay * ts))
    assert found.rate == pytest.approx(decay, abs=1e-12)
    assert found.prefactor == pytest.approx(factor, rel=1e-12)
    assert found.low <= found.rate <= found.high
    assert found.high - found.low < 1e-10
    assert found.recordings == recordings


def test_rate_and_interval_are_those_of_linear_regression():
    ts = np.array([0.0, 0.5, 1.0, 3.0, 4.0])
    values = np.exp(-2 * ts + [0.1, -0.1, 0.05, 0.2, -0.3])
    found, peer = rate(ts, values, level=0.9), stats.linregress(ts, np.log(values))
    half = stats.t.ppf(0.95, 3) * peer.stderr
    np.testing.assert_allclose(
        [found.rate, found.low, found.high], [-peer.slope, -peer.slope - half, -peer.slope + half]
    )


def test_recordings_from_the_first_at_the_level_of_rounding_on_do_not_count():
    ts = np.linspace(0, 10, 21)
    values = 5 * np.exp(-4 * ts)
    floor = np.maximum(values, 5e-13)
    floor[15] = 3e-10  # rounding may be above its level again
    floor[-1] = 0.0
    clean = int((values > 5e-12).sum())
    found = rate(ts, floor)
    assert found.recordings == clean == 14
    assert found.rate == pytest.approx(4, rel=1e-10)


def test_the_level_of_rounding_is_that_of_the_dtype():
    ts = np.linspace(0, 30, 61)
    floor = 1e-7 * np.random.default_rng(0).uniform(0.5, 1, 61)
    single = (np.exp(-ts) + floor).astype(np.float32)
    found = rate(ts, single)
    assert found.rate == pytest.approx(1, abs=2e-3)
    assert found.recordings == (single > 10**-4.8).sum()
    # the same numbers of float64 are no rounding
    assert rate(ts, single.astype(float)).recordings == 61
    half = (np.exp(-ts) + 1e-3 * floor / 1e-7).astype(np.float16)
    assert rate(ts, half).rate == pytest.approx(1, abs=0.05)


def test_growth_from_any_beginning_has_a_negative_rate():
    ts = np.array([0.0, 1.0, 2.0, 40.0, 50.0])
    assert rate(ts, np.exp(ts)).rate == pytest.approx(-1, rel=1e-12)
    # what falls again counts until it is at the level of rounding
    up_and_down = np.array([1e-15, 1e-8, 1.0, 1e-8, 1e-15])
    assert rate(ts, up_and_down).recordings == 4


def test_bad_arguments_of_an_exponent_are_refused():
    at = [1.0, 2.0, 4.0]
    with pytest.raises(ValueError, match=r"at least 3 different abscissae .* got 2"):
        exponent(at[:2], at[:2])
    with pytest.raises(ValueError, match=r"at least 3 different abscissae .* got 1: measure"):
        exponent([2.0, 2.0, 2.0], at)
    with pytest.raises(ValueError, match=r"at must be positive, got 0 at index \(0,\)"):
        exponent([0.0, 1.0, 2.0], at)
    with pytest.raises(ValueError, match=r"values must be positive, got -3 at index \(1, 2\)"):
        exponent(at, [at, [1.0, 2.0, -3.0]])
    with pytest.raises(ValueError, match=r"values must be finite, got nan at index \(1,\)"):
        exponent(at, [1.0, np.nan, 1.0])
    with pytest.raises(ValueError, match=r"same P, got \(3,\) and \(2,\)"):
        exponent(at, [1.0, 2.0])
    with pytest.raises(ValueError, match=r"same P, got \(3,\) and \(1, 1, 3\)"):
        exponent(at, [[at]])
    with pytest.raises(ValueError, match=r"at least 2 seeds s .* got \(1, 3\); pass"):
        exponent(at, [at])
    with pytest.raises(ValueError, match="level must be between 0 and 1, got 95"):
        exponent(at, at, level=95)
    with pytest.raises(ValueError, match="resamples must be at least 1, got 0"):
        exponent(at, at, resamples=0)
    with pytest.raises(TypeError, match=r"seed must be an integer, got 0\.5"):
        exponent(at, at, seed=0.5)
    with pytest.raises(TypeError, match="values must hold real numbers, got dtype complex128"):
        exponent(at, np.ones(3) + 1j)


def test_bad_arguments_of_a_rate_are_refused():
    ts = [0.0, 1.0, 2.0, 3.0]
    with pytest.raises(ValueError, match=r"at least 3 recordings .* got 2 of 4: choose ts closer"):
        rate(ts, [1.0, 1e-6, 1e-13, 1e-14])
    with pytest.raises(ValueError, match=r"at least 3 recordings .* got 0 of 4"):
        rate(ts, np.zeros(4))
    with pytest.raises(ValueError, match="positive up to the largest one, got 0 at index 1"):
        rate(ts, [0.1, 0.0, 1.0, 0.5])
    with pytest.raises(ValueError, match="values must not be negative, got -1"):
        rate(ts, [1.0, 0.5, -1.0, 0.1])
    with pytest.raises(ValueError, match=r"values must have shape \(4,\) like ts, got \(3,\)"):
        rate(ts, [1.0, 0.5, 0.1])
    with pytest.raises(ValueError, match="ts must increase, got 1 twice"):
        rate([0.0, 1.0, 1.0, 2.0], np.ones(4))
    with pytest.raises(ValueError, match="values must be finite, got nan at index"):
        rate(ts, [1.0, np.nan, 0.1, 0.1])
    with pytest.raises(ValueError, match="level must be between 0 and 1, got 0"):
        rate(ts, np.ones(4), level=0)
