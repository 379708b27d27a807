"""Spectra, peaks, relative error and half-learning times against direct computation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lfp
from compare import spectra


@pytest.fixture
def random():
    return np.random.default_rng(0)


def test_affine_functions_are_removed_exactly(random):
    x = np.sort(random.uniform(-1, 1, 30))
    values = np.stack([3 + 0 * x, x, 2 - 5e3 * x])
    assert np.abs(spectra.remove_affine(x, values)).max() < 1e-11


def test_affine_removal_is_the_residual_of_least_squares(random):
    x = random.uniform(3, 4, 25)
    y = random.normal(size=25)
    slope, constant = np.polyfit(x, y, 1)
    np.testing.assert_allclose(spectra.remove_affine(x, y), y - slope * x - constant, atol=1e-11)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(4, 40), shift=st.floats(-10, 10))
def test_affine_removal_is_idempotent_and_ignores_the_origin_of_x(seed, n, shift):
    random = np.random.default_rng(seed)
    x = random.normal(size=n)
    values = random.normal(size=(3, n))
    once = spectra.remove_affine(x, values)
    np.testing.assert_allclose(spectra.remove_affine(x, once), once, atol=1e-12)
    np.testing.assert_allclose(spectra.remove_affine(x + shift, values), once, atol=1e-10)


def test_frequencies_of_uniform_samples_are_those_of_the_discrete_transform(random):
    x = np.linspace(-1, 1, 24)
    y = random.normal(size=24)
    xi = spectra.frequencies(x)
    np.testing.assert_allclose(xi, np.abs(np.fft.fftfreq(24, x[1] - x[0])[1:13]), rtol=1e-14)
    expected = np.fft.fft(y)[1:13] / 24 * np.exp(-2j * np.pi * xi * x[0])
    np.testing.assert_allclose(spectra.spectrum(x, y, xi), expected, atol=1e-12)


def test_spectrum_keeps_the_leading_axes(random):
    x = random.uniform(-1, 1, 9)
    values = random.normal(size=(2, 3, 9))
    xi = np.array([0.5, 1.5])
    result = spectra.spectrum(x, values, xi)
    assert result.shape == (2, 3, 2)
    direct = np.mean(values[1, 2] * np.exp(-2j * np.pi * 1.5 * x))
    assert abs(result[1, 2, 1] - direct) < 1e-12


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), shift=st.floats(-3, 3))
def test_shifting_the_samples_multiplies_the_spectrum_by_a_phase(seed, shift):
    random = np.random.default_rng(seed)
    x = random.uniform(-1, 1, 12)
    y = random.normal(size=12)
    xi = np.array([0.3, 1.0, 2.7])
    shifted = spectra.spectrum(x + shift, y, xi)
    expected = np.exp(-2j * np.pi * xi * shift) * spectra.spectrum(x, y, xi)
    np.testing.assert_allclose(shifted, expected, atol=1e-9)


def test_peaks_are_the_largest_local_maxima():
    amplitude = np.array([5.0, 1.0, 3.0, 2.0, 9.0, 1.0, 1.5, 4.0])
    assert np.flatnonzero(spectra.peaks(amplitude, 3)).tolist() == [0, 4, 7]
    assert np.flatnonzero(spectra.peaks(amplitude, 2)).tolist() == [0, 4]
    assert np.flatnonzero(spectra.peaks(amplitude, 99)).tolist() == [0, 2, 4, 7]


def test_a_plateau_is_one_peak():
    assert np.flatnonzero(spectra.peaks(np.array([0.0, 2.0, 2.0, 1.0]), 9)).tolist() == [1]


def test_peaks_of_two_sines_are_their_frequencies():
    x = np.arange(64) / 64
    y = 3 * np.sin(2 * np.pi * 5 * x) + np.cos(2 * np.pi * 17 * x)
    xi = spectra.frequencies(x)
    found = spectra.peaks(np.abs(spectra.spectrum(x, y, xi)), 2)
    np.testing.assert_allclose(xi[found], [5, 17])


def test_relative_error_is_one_for_zero_output_and_nan_without_a_target():
    target = np.array([1 + 1j, 2.0, 0.0])
    error = spectra.relative_error(target, np.zeros((4, 3), dtype=complex))
    assert np.array_equal(error[:, :2], np.ones((4, 2)))
    assert np.isnan(error[:, 2]).all()
    assert spectra.relative_error(np.array([2j]), np.array([1.0 + 2j]))[0] == 0.5


def test_half_time_of_exponentials_is_log_two_over_their_rates():
    ts = np.geomspace(1e-2, 1e3, 400)
    rates = np.array([0.01, 0.3, 7.0])
    error = np.exp(-np.outer(ts, rates))
    half = lfp.half_times(ts, error)
    np.testing.assert_allclose(half, np.log(2) / rates, rtol=2e-4)


def test_half_time_is_interpolated_in_the_logarithm_of_time():
    error = np.array([[0.9], [0.6], [0.4], [0.7]])
    half = lfp.half_times(np.array([1.0, 10.0, 1000.0, 2000.0]), error)
    np.testing.assert_allclose(half, [100.0])


def test_half_time_converges_at_second_order():
    def off(points):
        ts = np.geomspace(1e-3, 1e2, points)
        return abs(lfp.half_times(ts, np.exp(-ts)[:, None])[0] - np.log(2))

    # averaged over positions of the crossing between two times
    coarse = np.mean([off(points) for points in range(40, 60)])
    fine = np.mean([off(points) for points in range(160, 240)])
    assert 10 < coarse / fine < 25


def test_half_time_is_nan_if_never_and_the_first_time_if_always():
    error = np.array([[0.9, 0.2, np.nan], [0.8, 0.1, np.nan]])
    half = lfp.half_times(np.array([3.0, 4.0]), error)
    assert np.isnan(half[0])
    assert half[1] == 3.0
    assert np.isnan(half[2])


def test_half_time_is_the_same_for_every_leading_axis(random):
    ts = np.geomspace(1, 100, 30)
    error = random.uniform(0, 2, (2, 3, 30, 4))
    all_at_once = lfp.half_times(ts, error)
    assert all_at_once.shape == (2, 3, 4)
    np.testing.assert_array_equal(all_at_once[1, 2], lfp.half_times(ts, error[1, 2]))


def test_bad_arguments_are_refused_by_name():
    x = np.linspace(-1, 1, 5)
    with pytest.raises(ValueError, match=r"x must have shape \(n,\).*different values"):
        spectra.remove_affine(np.ones(5), x)
    with pytest.raises(ValueError, match=r"values must have shape \(\.\.\., 5\)"):
        spectra.remove_affine(x, np.ones(4))
    with pytest.raises(ValueError, match="x must have shape"):
        spectra.frequencies(np.ones((3, 2)))
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        spectra.peaks(x, 0)
    with pytest.raises(TypeError, match=r"count must be an integer, got 1\.5"):
        spectra.peaks(x, 1.5)
    with pytest.raises(ValueError, match=r"amplitude must be finite, got nan at index \(1,\)"):
        spectra.peaks(np.array([1.0, np.nan]), 1)
    with pytest.raises(ValueError, match=r"amplitude must have shape \(F,\), got \(1, 2\)"):
        spectra.peaks([[1.0, 2.0]], 1)
    with pytest.raises(ValueError, match=r"target must have shape .* got \(5,\) and \(4,\)"):
        spectra.relative_error(x, np.ones(4))
    with pytest.raises(ValueError, match=r"target must have shape .* got \(1, 5\) and \(5,\)"):
        spectra.relative_error([x], x)
    with pytest.raises(ValueError, match=r"values must have shape \(\.\.\., 5\) like x"):
        spectra.spectrum(x, 1.0, [1.0])
    with pytest.raises(ValueError, match="values must be a rectangular array of numbers"):
        spectra.remove_affine(x, [[1.0], [1.0, 2.0]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_entries_that_are_not_finite_are_refused_by_name_and_place(bad):
    x, with_bad = [0.0, 1.0, 2.0], [0.0, bad, 2.0]
    with pytest.raises(ValueError, match=rf"x must be finite, got {bad} at index \(1,\)"):
        spectra.remove_affine(with_bad, x)
    with pytest.raises(ValueError, match=rf"values must be finite, got {bad} at index \(0, 1\)"):
        spectra.remove_affine(x, [with_bad])
    with pytest.raises(ValueError, match=rf"x must be finite, got {bad} at index \(1,\)"):
        spectra.frequencies(with_bad)
    with pytest.raises(ValueError, match=rf"values must be finite, got {bad}"):
        spectra.spectrum(x, with_bad, [1.0])


def test_text_and_complex_abscissas_are_of_the_wrong_kind():
    words = ["a", "b", "c"]
    with pytest.raises(TypeError, match="x must hold numbers, got dtype <U1"):
        spectra.remove_affine(words, [1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match="values must hold numbers, got dtype <U1"):
        spectra.remove_affine([1.0, 2.0, 3.0], words)
    with pytest.raises(TypeError, match="x must hold numbers, got dtype <U1"):
        spectra.frequencies("a")
    with pytest.raises(TypeError, match="x must hold real numbers, got dtype complex128"):
        spectra.frequencies([1j, 2.0])
    with pytest.raises(TypeError, match="amplitude must hold numbers"):
        spectra.peaks(words, 1)
    with pytest.raises(TypeError, match="outputs must hold numbers"):
        spectra.relative_error([1.0, 2.0, 3.0], words)


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_lists_and_tuples_are_as_good_as_arrays(kind):
    x, y, xi = kind([0.0, 1.0, 3.0, 4.0]), kind([1, 0, 2, 1]), kind([0.25, 0.5])
    array = np.array([0.0, 1.0, 3.0, 4.0])
    flat = spectra.remove_affine(x, y)
    np.testing.assert_allclose(flat @ np.stack([array, array**0], 1), 0, atol=1e-14)
    np.testing.assert_allclose(spectra.frequencies(x), [0.1875, 0.375])
    waves = np.exp(-2j * np.pi * np.outer(array, [0.25, 0.5])) / 4
    np.testing.assert_allclose(spectra.spectrum(x, y, xi), np.array(y) @ waves, atol=1e-12)
    assert spectra.peaks(y, np.int64(1)).tolist() == [False, False, True, False]
    np.testing.assert_allclose(spectra.relative_error(kind([2.0, 4j]), kind([1.0, 4j])), [0.5, 0])


def test_affine_removal_of_complex_values_is_that_of_their_two_parts(random):
    x = random.uniform(-1, 1, 9)
    values = random.normal(size=(2, 9)) + 1j * random.normal(size=(2, 9))
    parts = spectra.remove_affine(x, values.real) + 1j * spectra.remove_affine(x, values.imag)
    np.testing.assert_allclose(spectra.remove_affine(x, values), parts, atol=1e-14)
