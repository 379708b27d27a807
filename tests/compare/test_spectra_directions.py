"""Affine parts, principal components, directions and Gaussian filters in any dimension."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compare import spectra


@pytest.fixture
def random():
    return np.random.default_rng(0)


@settings(max_examples=30, deadline=None)
@given(dim=st.integers(1, 5), n=st.integers(8, 20), seed=st.integers(0, 10**6))
def test_affine_removal_is_the_residual_of_least_squares_in_any_dimension(dim, n, seed):
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, dim)) * 10.0 ** random.uniform(-4, 4, dim) + 5
    y = random.normal(size=(3, n))
    unit = (x - x.mean(axis=0)) / x.std(axis=0)
    design = np.column_stack([np.ones(n), unit])
    fit, *_ = np.linalg.lstsq(design, y.T, rcond=None)
    np.testing.assert_allclose(spectra.remove_affine(x, y), y - (design @ fit).T, atol=1e-7)


def test_affine_removal_of_dependent_and_constant_coordinates_is_that_of_the_others(random):
    line = random.normal(size=20)
    y = random.normal(size=20)
    x = np.column_stack([line, 2 * line - 3, np.full(20, 7.0)])
    np.testing.assert_allclose(
        spectra.remove_affine(x, y), spectra.remove_affine(line, y), atol=1e-13
    )


def test_affine_removal_does_not_depend_on_the_units_of_the_coordinates(random):
    x, y = random.normal(size=(20, 2)), random.normal(size=20)
    in_other_units = x * np.array([1e-12, 1e9])
    np.testing.assert_allclose(
        spectra.remove_affine(in_other_units, y), spectra.remove_affine(x, y), atol=1e-13
    )


def test_affine_removal_in_more_dimensions_than_samples_leaves_nothing(random):
    left = spectra.remove_affine(random.normal(size=(10, 30)), random.normal(size=10))
    assert np.abs(left).max() < 1e-13


def test_affine_removal_twice_is_once(random):
    x, y = random.normal(size=(30, 3)), random.normal(size=(2, 4, 30))
    once = spectra.remove_affine(x, y)
    np.testing.assert_allclose(spectra.remove_affine(x, once), once, atol=1e-13)


@pytest.mark.parametrize(("n", "dim"), [(50, 4), (12, 40)])
def test_principal_direction_is_the_first_right_singular_vector(random, n, dim):
    x = random.normal(size=(n, dim)) @ np.diag(np.arange(1.0, dim + 1)) + 100
    _, _, directions = np.linalg.svd(x - x.mean(axis=0))
    found = spectra.principal_direction(x)
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-13)
    assert abs(found @ directions[0]) == pytest.approx(1, abs=1e-12)
    assert found[np.argmax(np.abs(found))] > 0


def test_principal_positions_fill_the_unit_interval_and_follow_a_line(random):
    s = random.uniform(-3, 5, 30)
    direction = np.array([2.0, 3.0, 6.0]) / 7
    expected = (s - s.min()) / (s.max() - s.min())
    on_line = np.array([4.0, -1.0, 0.0]) + np.outer(s, direction)
    found = spectra.principal_positions(on_line)
    assert found.min() == 0
    assert found.max() == 1
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(spectra.principal_positions(s), expected, atol=1e-14)


def test_principal_spectrum_is_the_formula_of_the_paper_over_n(random):
    x = random.normal(size=(25, 6)) * np.array([1, 2, 9, 1, 1, 1])
    y = random.normal(size=25)
    centred = (x - x.mean(axis=0)).T
    sizes, vectors = np.linalg.eig(centred @ centred.T)
    direction = vectors[:, np.argmax(sizes)]
    direction = direction * np.sign(direction[2])
    along = direction @ centred
    s = (along - along.min()) / (along - along.min()).max()
    expected = [np.sum(y * np.exp(-2j * np.pi * s * k)) / 25 for k in range(8)]
    found = spectra.principal_spectrum(x, np.stack([y, 2 * y]), range(8))
    np.testing.assert_allclose(found, [expected, 2 * np.array(expected)], atol=1e-11)


def test_a_wave_along_the_principal_component_peaks_at_its_frequency(random):
    x = random.normal(size=(4000, 10)) * np.array([5.0, *np.ones(9)])
    s = spectra.principal_positions(x)
    amplitude = np.abs(spectra.principal_spectrum(x, np.cos(2 * np.pi * 11 * s), np.arange(4, 20)))
    assert np.arange(4, 20)[spectra.peaks(amplitude, 1)] == [11]


def test_directional_spectrum_is_the_spectrum_on_rays(random):
    x, values = random.normal(size=(40, 3)), random.normal(size=(2, 5, 40))
    directions, xi = random.normal(size=(4, 3)), np.linspace(0, 2, 6)
    found = spectra.directional_spectrum(x, values, directions, xi)
    assert found.shape == (2, 5, 4, 6)
    for i, direction in enumerate(directions):
        on_ray = np.outer(xi, direction / np.linalg.norm(direction))
        np.testing.assert_allclose(found[:, :, i], spectra.spectrum(x, values, on_ray), atol=1e-11)


def test_spectrum_along_the_principal_direction_differs_from_the_principal_by_scale_and_phase(
    random,
):
    x, y = random.normal(size=(30, 7)) * np.array([4, 1, 1, 1, 1, 1, 1]), random.normal(size=30)
    direction, k = spectra.principal_direction(x), np.arange(5.0)
    along = x @ direction
    physical = spectra.directional_spectrum(x, y, [direction], k / np.ptp(along))[0]
    phase = np.exp(2j * np.pi * k * along.min() / np.ptp(along))
    np.testing.assert_allclose(spectra.principal_spectrum(x, y, k), phase * physical, atol=1e-11)


def filtered_written_out(x, y, delta):
    low = np.zeros_like(y)
    for i in range(len(x)):
        weights = [np.exp(-np.sum((x[i] - x[j]) ** 2) / (2 * delta)) for j in range(len(x))]
        low[i] = sum(w * v for w, v in zip(weights, y, strict=True)) / sum(weights)
    return low


@pytest.mark.parametrize("dim", [1, 2, 20])
def test_filtering_is_the_weighted_mean_written_out(random, dim, monkeypatch):
    monkeypatch.setattr("compare.spectra.filtering.BLOCK", 100)  # blocks of 4 rows
    x, y = random.normal(size=(23, dim)) + 9, random.normal(size=(2, 23))
    deltas = [0.01, 0.5, 30.0]
    low, high = spectra.gaussian_filter(x, y, deltas)
    assert low.shape == high.shape == (3, 2, 23)
    for i, delta in enumerate(deltas):
        for row in range(2):
            expected = filtered_written_out(x, y[row], delta)
            np.testing.assert_allclose(low[i, row], expected, atol=1e-12)
    np.testing.assert_array_equal(high, y - low)
    one, _ = spectra.gaussian_filter(x, y, 0.5)
    np.testing.assert_allclose(one, low[1], atol=1e-14)


def test_a_narrow_filter_in_high_dimension_keeps_near_points_apart(random):
    x = 100 * random.normal(size=(12, 20))
    near = x + 1e-5 * random.normal(size=x.shape)
    points, y = np.concatenate([x, near]), random.normal(size=24)
    low, _ = spectra.gaussian_filter(points, y, 1e-9)
    np.testing.assert_allclose(low, filtered_written_out(points, y, 1e-9), atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(delta=st.floats(1e-6, 1e6), dim=st.integers(1, 12), seed=st.integers(0, 10**6))
def test_the_low_part_lies_between_the_least_and_the_largest_value(delta, dim, seed):
    random = np.random.default_rng(seed)
    x, y = random.normal(size=(15, dim)), random.normal(size=15)
    low, _ = spectra.gaussian_filter(x, y, delta)
    assert y.min() - 1e-12 <= low.min()
    assert low.max() <= y.max() + 1e-12


def test_filters_from_narrow_to_wide_go_from_the_values_to_their_mean(random):
    x, y = random.normal(size=(15, 3)), random.normal(size=15)
    low, _ = spectra.gaussian_filter(x, y, [1e-12, 1e12])
    np.testing.assert_allclose(low[0], y, atol=1e-12)
    np.testing.assert_allclose(low[1], y.mean(), atol=1e-9)


def test_delta_is_a_variance():
    x = np.linspace(-8, 8, 1601)
    delta, xi = 0.04, 0.7
    wave = np.cos(2 * np.pi * xi * x)
    low, _ = spectra.gaussian_filter(x, wave, delta)
    inner = np.abs(x) < 5
    np.testing.assert_allclose(
        low[inner], np.exp(-2 * np.pi**2 * delta * xi**2) * wave[inner], atol=1e-12
    )


def test_bad_directions_positions_and_widths_are_refused_by_name(random):
    x, y = random.normal(size=(6, 2)), np.ones(6)
    with pytest.raises(ValueError, match=r"directions must have shape \(D, 2\).*got \(2,\)"):
        spectra.directional_spectrum(x, y, [1.0, 0.0], [1.0])
    with pytest.raises(ValueError, match=r"directions must not be zero, got \[0\. 0\.\]"):
        spectra.directional_spectrum(x, y, [[1.0, 0.0], [0.0, 0.0]], [1.0])
    square = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    with pytest.raises(ValueError, match=r"equal largest variances, 0\.25; give directions to dir"):
        spectra.principal_direction(square)
    with pytest.raises(ValueError, match=r"at least 2 different values, got \(5, 3\) of equal"):
        spectra.principal_positions(np.ones((5, 3)))
    with pytest.raises(ValueError, match=r"x must have shape \(n,\) or \(n, d\).*got \(2, 2, 2\)"):
        spectra.remove_affine(random.normal(size=(2, 2, 2)), np.ones(2))
    with pytest.raises(ValueError, match="delta must be positive, got 0"):
        spectra.gaussian_filter(x, y, [0.0, 1.0])
    with pytest.raises(ValueError, match=r"delta must be a number or have shape \(D,\), got \(1,"):
        spectra.gaussian_filter(x, y, [[1.0]])
    with pytest.raises(ValueError, match=r"delta must be finite, got inf at index \(1,\)"):
        spectra.gaussian_filter(x, y, [1.0, np.inf])
    with pytest.raises(ValueError, match=r"values must have shape \(\.\.\., 6\) like x, got \(5,"):
        spectra.gaussian_filter(x, np.ones(5), 1.0)
