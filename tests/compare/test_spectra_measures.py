"""Bands of a spectrum, errors in them, and times to a given error."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lfp
from compare import spectra


@pytest.fixture
def random():
    return np.random.default_rng(0)


def test_band_power_is_the_sum_over_the_frequencies_of_the_band(random):
    xi = np.array([0.0, 1.0, -1.0, 2.5, -3.0, 4.0])
    values = random.normal(size=(2, 3, 6)) + 1j * random.normal(size=(2, 3, 6))
    found = spectra.band_power(xi, values, [0.0, 1.0, 3.0, 5.0])
    power = values.real**2 + values.imag**2
    expected = [power[..., 0], power[..., 1] + power[..., 2] + power[..., 3]]
    expected.append(power[..., 4] + power[..., 5])
    np.testing.assert_allclose(found, np.stack(expected, axis=-1), rtol=1e-13)


def test_bands_in_the_plane_are_rings():
    xi = np.array([[3.0, 4.0], [1.0, 0.0], [0.0, -5.0], [-1.0, 1.0]])
    power = spectra.band_power(xi, np.array([1, 2, 3, 4.0]), [0.5, 1.4, 2.0, 5.1])
    np.testing.assert_array_equal(power, [4, 16, 10])


@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(4, 30),
    share=st.floats(0.01, 0.99),
    spacing=st.floats(1e-3, 1e3),
    seed=st.integers(0, 10**6),
)
def test_bands_of_a_residual_are_the_two_parts_of_the_loss(n, share, spacing, seed):
    x = spacing * np.arange(n)
    residual = np.random.default_rng(seed).normal(size=(3, n))
    xi = spectra.dft_frequencies(x)
    eta = share * np.abs(xi).max()
    parts = spectra.band_power(xi, spectra.dft(x, residual), [0, eta, np.inf])
    low, high = lfp.predictions.loss_split(x[:, None], residual, eta)
    np.testing.assert_allclose(parts / 2, np.stack([low, high], axis=-1), rtol=1e-11)
    np.testing.assert_allclose(parts.sum(axis=-1), (residual**2).mean(axis=-1), rtol=1e-11)


def test_a_frequency_within_rounding_of_an_edge_is_on_it():
    xi = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    edges = [0, 3 * 0.1, 7 * 0.1, 1]
    assert edges[1] > xi[2]
    assert edges[2] > xi[6]
    np.testing.assert_array_equal(spectra.band_power(xi, np.ones(7), edges), [2, 4, 1])


def test_band_error_of_one_frequency_is_its_relative_error(random):
    xi = np.arange(5.0)
    target = random.normal(size=5) + 1j * random.normal(size=5)
    outputs = random.normal(size=(2, 4, 5)) + 0j
    found = spectra.band_error(xi, target, outputs, np.arange(6.0))
    np.testing.assert_allclose(found, spectra.relative_error(target, outputs), rtol=1e-12)


def test_band_error_is_the_quotient_of_norms_and_nan_without_a_target(random):
    target = np.array([3.0, 4.0, 0.0, 0.0])
    outputs = np.array([[3.0, 4.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0], [3.0, np.nan, 0.0, 0.0]])
    found = spectra.band_error(np.arange(4), target, outputs, [0, 2, 4])
    np.testing.assert_allclose(found[:, 0], [0, 1, np.nan])
    assert np.isnan(found[:, 1]).all()
    outputs[0, :2] = [0.0, 0.0 + 4]
    assert spectra.band_error(np.arange(4), target, outputs, [0, 2])[0, 0] == 0.6


@pytest.mark.parametrize("threshold", [0.9, 0.5, 0.3, 0.05, 1e-6])
def test_time_to_an_error_of_exponentials_is_the_logarithm_over_the_rate(threshold):
    ts = np.geomspace(1e-3, 1e6, 4000)
    rates = np.array([0.001, 0.3, 7.0])
    found = spectra.times_to_error(ts, np.exp(-np.outer(ts, rates)), threshold=threshold)
    np.testing.assert_allclose(found, -np.log(threshold) / rates, rtol=2e-4)


def test_time_to_an_error_is_interpolated_in_the_logarithm_of_time_as_written_out():
    error = np.array([[3.0], [2.5], [1.5], [0.1]])
    found = spectra.times_to_error([1.0, 10.0, 1000.0, 2000.0], error, threshold=2.0)
    np.testing.assert_allclose(found, [100.0])


def test_time_to_one_half_is_the_half_learning_time(random):
    ts, error = np.geomspace(1, 100, 30), random.uniform(0, 2, (2, 3, 30, 4))
    np.testing.assert_array_equal(spectra.times_to_error(ts, error), lfp.half_times(ts, error))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), low=st.floats(0.01, 1), factor=st.floats(1, 5))
def test_a_smaller_error_is_reached_later_or_never(seed, low, factor):
    ts = np.geomspace(1, 100, 20)
    error = np.random.default_rng(seed).uniform(0, 1, (20, 6))
    early = spectra.times_to_error(ts, error, threshold=low * factor)
    late = spectra.times_to_error(ts, error, threshold=low)
    assert (np.isnan(late) | (early <= late * (1 + 1e-12))).all()


def test_an_error_equal_to_the_threshold_is_reached_and_one_above_never():
    for threshold in np.random.default_rng(1).uniform(0, 1, 200):
        at, above = spectra.times_to_error(
            [2.0], [[threshold, 1.01 * threshold]], threshold=threshold
        )
        assert at == 2
        assert np.isnan(above)


def test_no_time_within_the_window_is_nan_without_extrapolation():
    error = np.array([[0.9, np.nan, 0.4], [0.8, np.nan, 0.3]])
    found = spectra.times_to_error([1.0, 2.0], error, threshold=0.5)
    np.testing.assert_array_equal(found, [np.nan, np.nan, 1.0])


def test_bands_outside_the_frequencies_and_bad_thresholds_are_refused():
    xi, flat = np.arange(1.0, 5.0), np.ones(4)
    message = r"edges must leave a frequency in every band, got 4\.5 to 9 for \|xi\| from 1 to 4"
    with pytest.raises(ValueError, match=message):
        spectra.band_power(xi, flat, [0, 4.5, 9])
    with pytest.raises(ValueError, match=r"got 1\.2 to 1\.5 for \|xi\| from 1 to 4"):
        spectra.band_error(xi, flat, flat, [1.2, 1.5])
    with pytest.raises(ValueError, match=r"edges must increase from 0 or more, got \[-1\."):
        spectra.band_power(xi, flat, [-1.0, 2.0])
    with pytest.raises(ValueError, match="edges must increase from 0 or more"):
        spectra.band_power(xi, flat, [0, np.nan, 3])
    with pytest.raises(ValueError, match=r"edges must have shape \(B \+ 1,\), got \(1,\)"):
        spectra.band_power(xi, flat, [2.0])
    with pytest.raises(TypeError, match="edges must hold real numbers, got dtype complex128"):
        spectra.band_power(xi, flat, [0, 2j])
    with pytest.raises(
        ValueError, match=r"spectrum must have shape \(\.\.\., 4\) like xi, got \(3"
    ):
        spectra.band_power(xi, np.ones(3), [0, 9])
    with pytest.raises(ValueError, match=r"target must have shape \(\.\.\., 4\) like xi, got \(3,"):
        spectra.band_error(xi, np.ones(3), np.ones((2, 3)), [0, 9])
    with pytest.raises(ValueError, match="threshold must be positive and finite, got 0"):
        spectra.times_to_error([1.0], [[1.0]], threshold=0)
    with pytest.raises(
        TypeError, match="relative_error must hold real numbers, got dtype complex128"
    ):
        spectra.times_to_error([1.0], [[1j]])
    with pytest.raises(ValueError, match=r"relative_error must have shape \(\.\.\., 2, F\)"):
        spectra.times_to_error([1.0, 2.0], [[1.0]])
