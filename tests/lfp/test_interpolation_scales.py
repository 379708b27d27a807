"""What the size of the data, of the affine part and of the problem must not change."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import assume, given, settings

import lfp

LAW = lfp.TwoLayer(sigma_b=10.0)
X = np.sort(np.random.default_rng(0).uniform(-1, 1, 30))
Y = np.sin(5 * X)
BETWEEN = np.linspace(-1.1, 1.1, 40)
SOLVERS = ("banded", "dense", "iterative")


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(("dense", "iterative")),
    st.integers(1, 3),
    st.integers(2, 8),
    st.floats(0.2, 6.0),
    st.floats(0.5, 8.0),
    st.integers(0, 999),
)
def test_indefinite_kernels_are_refused_by_every_solver(solver, dim, n, sigma_w, sigma_b, seed):
    random = np.random.default_rng(seed)
    x, y = random.uniform(-3, 3, (n, dim)), random.normal(size=n)
    law = lfp.TwoLayer(sigma_w=sigma_w, sigma_b=sigma_b)
    kernel = law.kernel(x, x)
    values = np.linalg.eigvalsh(kernel)
    assume(abs(values[0]) > 1e-6 * np.abs(values).max())
    if values[0] < 0:
        with pytest.raises(ValueError, match="indefinite"):
            lfp.interpolate(law, x, y, solver=solver)
    else:
        limit = lfp.interpolate(law, x, y, solver=solver)
        assert limit.norm == pytest.approx(np.sqrt(y @ np.linalg.solve(kernel, y)), rel=1e-6)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("factor", [1e-300, 1e-165, 1e-155, 1e154, 1e160, 1e300])
def test_values_of_any_size_are_interpolated(solver, factor):
    one = lfp.interpolate(LAW, X, Y, solver=solver)
    other = lfp.interpolate(LAW, X, factor * Y, solver=solver)
    np.testing.assert_allclose(other(BETWEEN) / factor, one(BETWEEN), rtol=1e-9, atol=1e-11)
    assert other.norm / factor == pytest.approx(one.norm, rel=1e-9)
    assert other.status.residual == pytest.approx(one.status.residual, rel=0.5, abs=1e-12)


@pytest.mark.parametrize("sigma_b", [1e2, 1e3, 1e5])
def test_an_affine_part_of_any_size_takes_no_digits_on_a_lattice(sigma_b):
    law, lattice = lfp.TwoLayer(sigma_b=sigma_b), lfp.Lattice(6.0, 1000)
    limit = lfp.interpolate(law, X, Y, space=lattice)
    assert limit.status.residual < 1e-11
    if sigma_b <= 1e3:  # beyond, the iteration stops at 1e-7
        other = lfp.interpolate(law, X, Y, space=lattice, solver="iterative")
        np.testing.assert_allclose(limit(X + 0.01), other(X + 0.01), atol=1e-6)
    large = lfp.Lattice(2.5, 200, "torus", 1e9)
    free = lfp.Lattice(2.5, 200, "torus", "free")
    near, there = (lfp.interpolate(law, X, Y, space=s)(X + 0.01) for s in (large, free))
    np.testing.assert_allclose(near, there, atol=1e-6)


def test_leave_one_out_on_a_lattice_is_leaving_one_out():
    lattice, x, y = lfp.Lattice(6.0, 200), X[::3], Y[::3]
    errors = lfp.interpolate(LAW, x, y, space=lattice).leave_one_out()
    for i in range(len(x)):
        rest = lfp.interpolate(LAW, np.delete(x, i), np.delete(y, i), space=lattice)
        assert errors[i] == pytest.approx(y[i] - rest(x[i : i + 1])[0], rel=1e-6, abs=1e-9)


def test_limits_on_a_lattice_say_until_when_it_is_the_law():
    lattice = lfp.Lattice(6.0, 64)
    flow = lfp.solve(LAW, X, Y, [1.0], space=lattice)
    for solver in ("dense", "iterative"):
        status = lfp.interpolate(LAW, X, Y, space=lattice, solver=solver, ridge=1e-3).status
        assert status.resolved_until == flow.status.resolved_until
    assert lfp.interpolate(LAW, X, Y).status.resolved_until == np.inf


def test_a_ridge_too_small_for_a_lattice_leaves_many_samples_where_they_are(monkeypatch):
    monkeypatch.setattr("lfp.minimum.MATRIX_UP_TO", 300)
    monkeypatch.setattr("lfp.choice.MATRIX_UP_TO", 300)
    x = np.random.default_rng(1).uniform(-1, 1, (400, 2))
    y = np.cos(2 * x[:, 0])
    for ridge in (1e-8, 1e-320):
        status = lfp.interpolate(LAW, x, y, ridge=ridge).status
        assert (status.space, status.solver) == ("samples", "iterative")
    monkeypatch.setattr("lfp.choice.SUMS_UP_TO", 300)
    with pytest.raises(ValueError, match=r"ridge = 1e-08 is too small .*set a larger ridge"):
        lfp.interpolate(LAW, x, y, ridge=1e-8)


def test_bad_options_are_refused_whatever_solver_is_chosen():
    with pytest.raises(ValueError, match="space must be 'samples', got 'latice'"):
        lfp.interpolate(LAW, X, Y, space="latice")
    for solver in SOLVERS:
        limit = lfp.interpolate(LAW, X, Y, solver=solver)
        with pytest.raises(ValueError, match="same dimension, got 3 and 1"):
            limit(np.zeros((2, 3)))


def test_an_initial_output_cannot_change_the_samples():
    limit = lfp.interpolate(LAW, X, Y, initial=lambda q: q.__imul__(2.0))
    np.testing.assert_allclose(limit(X), Y, atol=1e-12)


class Affine(lfp.PowerLaw):
    """A law of affine functions only."""

    coefficients = (5.0, 1.0)

    def affine(self, dim):
        return self.coefficients

    def powers(self, dim):
        return 0.0, 0.0, 0.0

    def pieces(self, distance, dim):
        return np.zeros_like(distance), np.zeros_like(distance)


class Negative(Affine):
    """A law that no network has."""

    coefficients = (5.0, -1.0)


def test_laws_of_ones_own_with_odd_parts():
    limit = lfp.interpolate(Affine(2.0), X, Y, ridge=0.1)
    assert limit.status.solver == "dense"
    kernel = 5 + np.outer(X, X)
    weights = np.linalg.solve(kernel + 3.0 * np.eye(30), Y)
    np.testing.assert_allclose(limit(X), kernel @ weights, atol=1e-12)
    with pytest.raises(ValueError, match=r"Negative\.affine must return .* at least 0"):
        lfp.interpolate(Negative(2.0), X, Y)


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_largest_values_there_are_are_interpolated(solver):
    limit = lfp.interpolate(LAW, X, np.full(30, 1.7e308), solver=solver)
    np.testing.assert_allclose(limit(X + 0.01), 1.7e308, rtol=1e-3)
    assert 0 < limit.norm < 1e308


def test_an_iteration_claims_no_error_of_its_outputs():
    assert np.isnan(lfp.interpolate(LAW, X, Y, solver="iterative").status.error_estimate)


def test_a_ridge_that_leaves_only_rounding_is_refused():
    x = np.linspace(0, 1e-3, 50)
    with pytest.raises(ValueError, match=r"ridge = 1e\+90 exceeds the kernel so far"):
        lfp.interpolate(LAW, x, np.cos(x), ridge=1e90)
    with pytest.raises(ValueError, match=r"ridge must be from 0 to 1e\+100, got 1e\+300"):
        lfp.interpolate(LAW, x, np.cos(x), ridge=1e300)
