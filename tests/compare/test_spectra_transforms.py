"""Transforms at the samples against the sum written out, in every dimension, and the DFT."""

import itertools

import finufft
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lfp
from compare import spectra


def waves_written_out(x, values, xi):
    """`(1/n) sum_i y_i exp(-2 pi i xi_k.x_i)` for x (n, d), values (n,), xi (F, d)."""
    return np.array(
        [
            sum(
                y * np.exp(-2j * np.pi * sum(a * b for a, b in zip(k, p, strict=True)))
                for p, y in zip(x, values, strict=True)
            )
            / len(x)
            for k in xi
        ]
    )


@settings(max_examples=30, deadline=None)
@given(
    dim=st.integers(1, 3),
    n=st.integers(1, 12),
    count=st.integers(1, 8),
    rows=st.integers(1, 40),
    is_complex=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_spectrum_is_the_sum_written_out(dim, n, count, rows, is_complex, seed):
    random = np.random.default_rng(seed)
    x, xi = random.uniform(-2, 2, (n, dim)), random.uniform(-3, 3, (count, dim))
    values = random.normal(size=(rows, n)) + 1j * is_complex * random.normal(size=(rows, n))
    values = values if is_complex else values.real
    found = spectra.spectrum(x, values, xi)
    assert found.shape == (rows, count)
    for row in (0, rows - 1):
        np.testing.assert_allclose(
            found[row], waves_written_out(x, values[row], xi), atol=2e-12, rtol=0
        )


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("rows", [1, 60])
@pytest.mark.parametrize("kind", [float, complex])
def test_many_and_few_rows_agree_with_the_direct_sum(dim, rows, kind):
    random = np.random.default_rng(dim)
    x, xi = random.uniform(-1, 1, (400, dim)), random.uniform(-9, 9, (150, dim))
    values = random.normal(size=(2, rows, 400)).astype(kind)
    if kind is complex:
        values += 1j * random.normal(size=values.shape)
    direct = lfp.nudft_direct(x, values.reshape(-1, 400).T, xi).T.reshape(2, rows, 150)
    np.testing.assert_allclose(spectra.spectrum(x, values, xi), direct, atol=1e-12, rtol=0)


def test_many_rows_in_blocks_of_frequencies_are_the_direct_sum(monkeypatch):
    monkeypatch.setattr("compare.spectra.transform.BLOCK", 100)
    random = np.random.default_rng(5)
    x, xi = random.uniform(-1, 1, 30), np.arange(-7.0, 8.0)
    values = random.normal(size=(500, 30))
    direct = lfp.nudft_direct(x, values.T, xi).T
    np.testing.assert_allclose(spectra.spectrum(x, values, xi), direct, atol=1e-13, rtol=0)


def test_many_rows_and_samples_are_one_finufft_call(monkeypatch):
    calls, call = [], finufft.nufft1d3

    def counted(x, strengths, xi, **options):
        calls.append(strengths.shape)
        return call(x, strengths, xi, **options)

    monkeypatch.setattr("finufft.nufft1d3", counted)
    random = np.random.default_rng(2)
    x, xi = random.uniform(-1, 1, 5000), np.arange(1.0, 2000.0)
    values = random.normal(size=(2, 3, 5000))
    found = spectra.spectrum(x, values, xi)
    assert calls == [(6, 5000)]
    direct = lfp.nudft_direct(x, values.reshape(6, -1).T, xi[::400]).T.reshape(2, 3, -1)
    np.testing.assert_allclose(found[..., ::400], direct, atol=1e-12, rtol=0)


def test_translation_in_three_dimensions_multiplies_by_a_phase():
    random = np.random.default_rng(1)
    x, xi = random.uniform(-1, 1, (40, 3)), random.uniform(-2, 2, (9, 3))
    y, shift = random.normal(size=40), np.array([0.3, -2.0, 1.1])
    moved = spectra.spectrum(x + shift, y, xi)
    expected = np.exp(-2j * np.pi * xi @ shift) * spectra.spectrum(x, y, xi)
    np.testing.assert_allclose(moved, expected, atol=1e-12)


def grid(*counts, steps=(0.5, 0.25, 2.0), first=(-1.0, 3.0, 0.2)):
    axes = [f + h * np.arange(m) for m, h, f in zip(counts, steps, first, strict=False)]
    return np.array(list(itertools.product(*axes)))


@pytest.mark.parametrize("counts", [(8,), (9,), (4, 5), (3, 2, 6)])
@pytest.mark.parametrize("kind", [float, complex])
def test_dft_is_the_spectrum_at_its_frequencies(counts, kind):
    random = np.random.default_rng(0)
    x = grid(*counts)
    x = x[random.permutation(len(x))]
    values = random.normal(size=(2, 3, len(x))).astype(kind)
    if kind is complex:
        values += 1j * random.normal(size=values.shape)
    xi = spectra.dft_frequencies(x)
    assert xi.shape == x.shape
    expected = lfp.nudft_direct(x, values.reshape(6, -1).T, xi).T.reshape(values.shape)
    np.testing.assert_allclose(spectra.dft(x, values), expected, atol=1e-13)


def test_dft_frequencies_of_a_line_are_signed_with_nyquist_once():
    x = 3 + 0.25 * np.arange(6)
    np.testing.assert_allclose(
        spectra.dft_frequencies(x), np.array([0, 1, 2, -3, -2, -1]) / (6 * 0.25)
    )
    np.testing.assert_allclose(spectra.dft_frequencies(x), np.fft.fftfreq(6, 0.25))
    positive = np.abs(spectra.dft_frequencies(x)[1:4])
    np.testing.assert_allclose(positive, spectra.frequencies(x))


@settings(max_examples=30, deadline=None)
@given(counts=st.lists(st.integers(2, 6), min_size=1, max_size=3), seed=st.integers(0, 10**6))
def test_dft_keeps_the_mean_square_and_is_inverted_by_its_waves(counts, seed):
    x = grid(*counts)
    y = np.random.default_rng(seed).normal(size=len(x))
    coefficients, xi = spectra.dft(x, y), spectra.dft_frequencies(x)
    assert np.sum(np.abs(coefficients) ** 2) == pytest.approx(np.mean(y**2), rel=1e-12)
    back = np.exp(2j * np.pi * x @ xi.T) @ coefficients
    np.testing.assert_allclose(back, y, atol=1e-11)


def test_dft_refuses_samples_without_plancherel_and_names_the_function_to_use():
    x = np.array([0.0, 1.0, 2.0, 3.1])
    message = r"x must be a uniform grid.*got 4 other points in d = 1; spectrum takes any samples"
    with pytest.raises(ValueError, match=message):
        spectra.dft(x, np.ones(4))
    with pytest.raises(ValueError, match=message):
        spectra.dft_frequencies(x)
    with pytest.raises(ValueError, match="got 5 other points in d = 2"):
        spectra.dft(grid(2, 3)[:5], np.ones(5))
    with pytest.raises(ValueError, match="got 16 other points in d = 4"):
        spectra.dft(np.array(list(itertools.product([0, 1], repeat=4))), np.ones(16))
    with pytest.raises(ValueError, match=r"values must have shape \(\.\.\., 4\)"):
        spectra.dft(np.arange(4.0), np.ones(5))


def test_spectrum_refuses_what_does_not_match_and_more_than_three_dimensions():
    with pytest.raises(ValueError, match="x must have dimension 1, 2 or 3, got 4; use principal"):
        spectra.spectrum(np.ones((5, 4)), np.ones(5), np.ones((2, 4)))
    with pytest.raises(ValueError, match="x and xi must have the same dimension, got 2 and 1"):
        spectra.spectrum(np.ones((5, 2)), np.ones(5), np.ones(3))
    with pytest.raises(ValueError, match=r"values must have shape \(\.\.\., 5\) like x, got \(2,"):
        spectra.spectrum(np.ones((5, 2)), np.ones((2, 3)), np.ones((3, 2)))
    with pytest.raises(TypeError, match="xi must hold real numbers, got dtype complex128"):
        spectra.spectrum(np.ones(5), np.ones(5), [1j])
    with pytest.raises(ValueError, match=r"xi must be finite, got nan at index \(0,\)"):
        spectra.spectrum(np.ones(5), np.ones((50, 5)), [np.nan])
