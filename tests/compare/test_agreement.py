"""Predicted and measured half-learning times of many frequencies."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from compare.agreement import agreement

PREDICTED = np.geomspace(1e2, 1e6, 25)


@settings(max_examples=30, deadline=None)
@given(slope=st.floats(0.2, 2), factor=st.floats(0.1, 10), unit=st.floats(1e-3, 1e3))
def test_a_power_law_is_found_whatever_the_unit_of_time(slope, factor, unit):
    measured = factor * PREDICTED**slope
    found = agreement(PREDICTED, measured)
    again = agreement(PREDICTED * unit, measured * unit)
    assert found.slope.value == pytest.approx(slope)
    assert again.slope.value == pytest.approx(slope)
    assert found.ratio.value == pytest.approx(factor * PREDICTED[12] ** (slope - 1))
    assert again.ratio.value == pytest.approx(float(found.ratio.value))
    assert found.decades == pytest.approx(4)


def test_slope_is_that_of_scipy_and_ratio_the_median_over_frequencies():
    random = np.random.default_rng(1)
    measured = PREDICTED * np.exp(random.normal(scale=0.2, size=25))
    found = agreement(PREDICTED, measured)
    assert found.slope.value == pytest.approx(
        stats.linregress(np.log(PREDICTED), np.log(measured)).slope
    )
    assert found.ratio.value == pytest.approx(np.median(measured / PREDICTED))
    assert np.isnan([found.slope.low, found.ratio.high]).all()
    assert found.seeds == 1


def test_ratio_of_an_even_number_of_frequencies_is_the_median_of_ratios():
    predicted = np.arange(1.0, 5.0)
    assert agreement(predicted, predicted * [1, 1, 2, 10]).ratio.value == pytest.approx(1.5)


def by_hand(measured):
    """Slope and median ratio of the geometric mean over the seeds."""
    mean = np.prod(measured, axis=0) ** (1 / len(measured))
    slope = stats.linregress(np.log(PREDICTED), np.log(mean)).slope
    return slope, np.median(mean / PREDICTED)


def test_numbers_and_limits_are_those_of_geometric_means_over_all_resamples():
    scaled = PREDICTED / PREDICTED[0]
    seeds = np.stack([3 * PREDICTED, 50 * PREDICTED * scaled])  # slopes of 1 and 2
    wide, narrow = (agreement(PREDICTED, seeds, level=level) for level in (0.95, 0.2))
    samples = [by_hand(seeds[list(pick)]) for pick in itertools.product((0, 1), repeat=2)]
    for name, values in zip(("slope", "ratio"), np.sort(np.transpose(samples)), strict=True):
        # shares of 1/4, 1/2, 1/4: at level 0.95 limits lie at the ends, at 0.2 in the middle
        outer, inner = getattr(wide, name), getattr(narrow, name)
        assert outer.value == inner.value == pytest.approx(values[1])
        assert (outer.low, outer.high) == pytest.approx((values[0], values[3]))
        assert (inner.low, inner.high) == pytest.approx((values[1], values[2]))
    assert wide.seeds == 2
    assert type(wide.decades) is float


def test_frequencies_that_a_seed_did_not_learn_are_left_out():
    measured = np.stack([2 * PREDICTED, 2 * PREDICTED])
    measured[1, 3] = np.nan
    predicted = PREDICTED.copy()
    predicted[-1] = np.nan
    found = agreement(predicted, measured)
    assert found.frequencies == 23
    assert found.ratio.value == pytest.approx(2)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    random = np.random.default_rng(2)
    held = {"slope": 0, "ratio": 0}
    for _ in range(200):
        offset = random.normal(scale=0.3, size=(8, 1))
        tilt = random.normal(scale=0.1, size=(8, 1)) * np.log(PREDICTED / PREDICTED[12])
        found = agreement(PREDICTED, PREDICTED * np.exp(offset + tilt), resamples=400)
        for name in held:
            interval = getattr(found, name)
            held[name] += bool(interval.low <= 1 <= interval.high)
    # three standard deviations of a binomial share around 93 %, that of bootstraps of 8 seeds
    assert all(0.87 < count / 200 < 0.985 for count in held.values()), held


@pytest.mark.parametrize(
    ("predicted", "measured", "options", "error", "message"),
    [
        ([1.0, 2.0], [1.0, 2.0], {}, ValueError, "at least 3 learned frequencies, got 2"),
        ([1.0, 2.0, 3.0], [1.0, np.nan, 3.0], {}, ValueError, "record until later"),
        ([1.0, 1.0, 1.0], [1.0, 2.0, 3.0], {}, ValueError, "different times"),
        ([1.0, 2.0, 3.0], [1.0, 2.0], {}, ValueError, "same F"),
        ([1.0, 2.0, -3.0], [1.0, 2.0, 3.0], {}, ValueError, "predicted must be positive"),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], {"level": 1.0}, ValueError, "level must be"),
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], {"resamples": 0}, ValueError, "resamples must be"),
        ([1.0, 2.0, np.inf], [1.0, 2.0, 3.0], {}, ValueError, "predicted must be .* finite"),
        ([1.0, 2.0, 3.0], np.empty((0, 3)), {}, ValueError, r"one seed, got shape \(0, 3\)"),
        ([1.0, 2.0, 3.0], [1j, 2.0, 3.0], {}, TypeError, "measured must hold real"),
    ],
)
def test_bad_input_is_named(predicted, measured, options, error, message):
    with pytest.raises(error, match=message):
        agreement(predicted, measured, **options)
