import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import lfp
from lfp.transforms import LatticeModes, LatticeValues


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 3), st.integers(1, 400), st.integers(1, 300), st.integers(0, 99))
def test_nudft_equals_the_direct_sum(d, n, count, seed):
    rng = np.random.default_rng(seed)
    x, xi = rng.uniform(-1, 1, (n, d)), rng.uniform(-9, 9, (count, d)) / d
    values = rng.normal(size=(n, 2, 3)) + 1j * rng.normal(size=(n, 2, 3))
    fast = lfp.nudft(x, values, xi)
    assert fast.shape == (count, 2, 3)
    np.testing.assert_allclose(fast, lfp.nudft_direct(x, values, xi), atol=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_non_uniform_fft_itself_equals_the_direct_sum(d, monkeypatch):
    monkeypatch.setattr("lfp.transforms._grid_points", lambda x, xi: 0.0)
    rng = np.random.default_rng(d)
    x, xi = rng.uniform(-1, 1, (50, d)), rng.uniform(-5, 5, (30, d))
    values = rng.normal(size=(50, 2)) + 1j * rng.normal(size=(50, 2))
    expected = lfp.nudft_direct(x, values, xi)
    np.testing.assert_allclose(lfp.nudft(x, values, xi), expected, atol=1e-12)
    np.testing.assert_allclose(lfp.nudft(x, values[:, 0], xi), expected[:, 0], atol=1e-12)


def test_nudft_on_a_uniform_grid_is_the_dft():
    rng = np.random.default_rng(0)
    y = rng.normal(size=64)
    result = lfp.nudft(np.arange(64) / 64, y, np.fft.fftfreq(64, 1 / 64))
    np.testing.assert_allclose(result, np.fft.fft(y) / 64, atol=1e-13)


@settings(deadline=None, max_examples=20)
@given(st.floats(-3, 3), st.integers(0, 99))
def test_spectrum_of_a_shifted_function_is_turned_by_its_phase(shift, seed):
    rng = np.random.default_rng(seed)
    x, y, xi = rng.uniform(-1, 1, 30), rng.normal(size=30), rng.uniform(-9, 9, 12)
    turned = np.exp(-2j * np.pi * xi * shift) * lfp.nudft(x, y, xi)
    np.testing.assert_allclose(lfp.nudft(x + shift, y, xi), turned, atol=1e-12)


@settings(deadline=None, max_examples=20)
@given(
    st.integers(1, 3),
    st.floats(0.5, 9.0),
    st.integers(1, 8),
    st.integers(1, 50),
    st.integers(0, 99),
)
def test_transforms_to_and_from_a_lattice_are_adjoint(d, period, cutoff, n, seed):
    rng = np.random.default_rng(seed)
    x, shape = rng.uniform(-5, 5, (n, d)), (2 * cutoff + 1) ** d
    values = rng.normal(size=n) + 1j * rng.normal(size=n)
    modes = rng.normal(size=shape) + 1j * rng.normal(size=shape)
    left = np.vdot(modes, LatticeModes(x, period, cutoff)(values))
    right = np.vdot(LatticeValues(x, period, cutoff)(modes), values)
    assert abs(left - right) <= 1e-11 * np.linalg.norm(modes) * np.linalg.norm(values)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_lattice_transforms_equal_their_sums(d):
    rng = np.random.default_rng(0)
    x = rng.uniform(-3, 3, (20, d))
    axis = np.arange(-4, 5)
    k = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), axis=-1).reshape(-1, d)
    phases = np.exp(2j * np.pi * k @ x.T / 2.5)
    values, modes = rng.normal(size=20) + 0j, rng.normal(size=len(k)) + 0j
    np.testing.assert_allclose(LatticeModes(x, 2.5, 4)(values), phases.conj() @ values, atol=1e-11)
    np.testing.assert_allclose(LatticeValues(x, 2.5, 4)(modes), modes @ phases, atol=1e-11)


def test_bad_input_of_the_transform_is_named():
    with pytest.raises(
        ValueError, match="x must have dimension 1, 2 or 3, got 4; use nudft_direct"
    ):
        lfp.nudft(np.zeros((3, 4)), np.ones(3), np.zeros((2, 4)))
    with pytest.raises(ValueError, match="values must have the length of x, 3"):
        lfp.nudft(np.zeros(3), np.ones(4), [1.0])
    with pytest.raises(ValueError, match="values must be finite"):
        lfp.nudft(np.zeros(2), [1.0, np.inf], [1.0])
    with pytest.raises(TypeError, match="values must hold numbers"):
        lfp.nudft(np.zeros(2), ["a", "b"], [1.0])
    with pytest.raises(ValueError, match="x and xi must have the same dimension, got 1 and 2"):
        lfp.nudft(np.zeros(2), np.ones(2), np.zeros((5, 2)))
    with pytest.raises(ValueError, match="x must have 1 or 2 dimensions"):
        lfp.nudft(np.zeros((2, 2, 2)), np.ones(2), [1.0])
