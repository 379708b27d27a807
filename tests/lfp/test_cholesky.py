"""The dense solution: against many digits, its estimates and its verdicts."""

import mpmath as mp
import numpy as np
import pytest
import scipy.linalg

import lfp
from lfp import _checks

LAWS = {
    "two": lfp.TwoLayer(),
    "tanh": lfp.TwoLayer(activation="tanh", sigma_b=5.0),
    "simplified": lfp.Simplified(1.0, 2.0, 0.5),
    "steep": lfp.PowerLaw(5),
    "flat": lfp.PowerLaw(3.5),
}


def sample(n, d, outputs=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (n, d)), rng.normal(size=(n, outputs))


def kernel_equations(law, x, y, noise, at):
    """Values at `at` and the norm, the matrix of float64 entries solved with 50 digits."""
    with mp.workdps(50):
        n, d = x.shape
        coefficients = np.array([law.affine(d)[0], *d * [law.affine(d)[1]]])
        used = coefficients != 0
        columns = np.column_stack([np.ones(n), x])[:, used]
        k = columns.shape[1]
        gram = law.radial(x, x)
        matrix = mp.zeros(n + k)
        matrix[:n, :n] = mp.matrix(((gram + gram.T) / 2).tolist()) + noise * mp.eye(n)
        matrix[:n, n:], matrix[n:, :n] = mp.matrix(columns.tolist()), mp.matrix(columns.T.tolist())
        for i, c in enumerate(coefficients[used]):
            matrix[n + i, n + i] = -1 / mp.mpf(float(c))
        rows = np.hstack([law.radial(at, x), np.column_stack([np.ones(len(at)), at])[:, used]])
        outputs, square = [], mp.mpf(0)
        for column in y.T:
            solved = mp.lu_solve(matrix, mp.matrix([*column.tolist(), *k * [0]]))
            weights = np.array(list(solved), dtype=float)
            outputs.append(rows @ weights)
            square += mp.fsum(c * (v - noise * c) for c, v in zip(solved, column, strict=False))
        return np.stack(outputs, axis=1), float(mp.nstr(mp.sqrt(square), 20))


@pytest.mark.parametrize("ridge", [0.0, 1e-3])
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("d", [2, 3])
def test_dense_solves_the_kernel_equations(d, law, ridge):
    x, y = sample(15, d)
    at = sample(30, d, seed=1)[0]
    h = lfp.interpolate(LAWS[law], x, y, ridge=ridge, solver="dense")
    exact, norm = kernel_equations(LAWS[law], x, y, 15 * ridge, at)
    np.testing.assert_allclose(h(at), exact, atol=1e-10 * np.abs(exact).max())
    assert h.norm == pytest.approx(norm, rel=1e-10)


@pytest.mark.parametrize("sigma_b", [1e2, 1e4, 1e6])
def test_the_affine_part_of_any_size_takes_no_digits(sigma_b):
    # it exceeds the rest of K, and of what is learned slowly, by sigma_b^3
    x, y = sample(15, 2)
    at = sample(30, 2, seed=1)[0]
    law = lfp.TwoLayer(sigma_b=sigma_b)
    h = lfp.interpolate(law, x, y, solver="dense")
    exact, norm = kernel_equations(law, x, y, 0, at)
    np.testing.assert_allclose(h(at), exact, atol=1e-10 * np.abs(exact).max())
    assert h.norm == pytest.approx(norm, rel=1e-10)
    assert h.status.condition < 1e5
    assert np.linalg.cond(law.kernel(x, x)) > 1e3 * h.status.condition


def schur(law, x, ridge):
    """What is left of K/n + ridge after the affine functions, written out with projections."""
    n, d = x.shape
    coefficients = np.array([law.affine(d)[0], *d * [law.affine(d)[1]]])
    columns, free = np.column_stack([np.ones(n), x]), np.isinf(coefficients)
    allowed = scipy.linalg.null_space(columns[:, free].T) if free.any() else np.eye(n)
    finite = np.where(free, 0.0, coefficients)
    matrix = law.radial(x, x) / n + (columns * finite) @ columns.T / n + ridge * np.eye(n)
    rest = scipy.linalg.null_space(columns[:, coefficients != 0].T)
    inside = allowed.T @ rest
    return np.linalg.inv(inside.T @ np.linalg.inv(allowed.T @ matrix @ allowed) @ inside)


@pytest.mark.parametrize("ridge", [0.0, 1e-6, 1e-2])
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("d", [2, 3])
def test_condition_is_that_of_the_schur_complement(d, law, ridge):
    x, y = sample(40, d)
    status = lfp.interpolate(LAWS[law], x, y, ridge=ridge, solver="dense").status
    matrix = schur(LAWS[law], x, ridge)
    assert 0.1 < status.condition / np.linalg.cond(matrix) < 10
    eigenvalues = np.linalg.eigvalsh((matrix + matrix.T) / 2)
    assert status.lambda_max == pytest.approx(eigenvalues[-1], rel=1e-6)
    assert status.lambda_min == pytest.approx(eigenvalues[0], rel=1e-3)
    assert status.error_estimate == pytest.approx(np.finfo(float).eps * status.condition)


@pytest.mark.slow
def test_condition_of_many_samples_comes_from_an_iteration():
    x, y = sample(1100, 2)
    law = lfp.Simplified(1.0, 2.0, 0.5)
    for ridge in (0.0, 1e-4):
        condition = lfp.interpolate(law, x, y, ridge=ridge, solver="dense").status.condition
        assert 0.5 < condition / np.linalg.cond(schur(law, x, ridge)) < 2


@pytest.mark.parametrize("law", [*LAWS.values(), lfp.PowerLaw(4)], ids=[*LAWS, "logarithm"])
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_fewer_samples_than_affine_functions_are_interpolated(n, law):
    x, y = sample(n, 2)
    h = lfp.interpolate(law, x, y)
    np.testing.assert_allclose(h(x), y, atol=1e-9)
    assert h.status.residual < 1e-8
    ridged = lfp.interpolate(law, x, y, ridge=1e-6)
    assert ridged.norm <= h.norm


def test_samples_on_a_line_leave_a_free_function_undecided_but_are_interpolated():
    t = np.linspace(-1, 1, 9)
    x, y = np.column_stack([t, 2 * t]), np.cos(3 * t)
    h = lfp.interpolate(lfp.PowerLaw(5), x, y)
    np.testing.assert_allclose(h(x), y, atol=1e-12)
    assert h.norm > 0


def test_a_bare_kernel_is_served_as_the_law_it_is_of():
    x, y = sample(20, 2)
    at = sample(30, 2, seed=1)[0]
    law = lfp.TwoLayer(sigma_b=3.0)
    np.testing.assert_allclose(
        lfp.interpolate(law.kernel, x, y)(at), lfp.interpolate(law, x, y)(at), atol=1e-9
    )


def test_indefinite_kernels_are_refused_with_their_eigenvalue():
    law, (x, y) = lfp.TwoLayer(sigma_w=4.0, sigma_b=1.0), sample(12, 2)
    assert np.linalg.eigvalsh(law.kernel(x, x))[0] < 0
    with pytest.raises(ValueError, match=r"indefinite: K\(X, X\)/n has the eigenvalue -\d.*ntk"):
        lfp.interpolate(law, x, y, solver="dense")
    status = lfp.interpolate(law, x, y, solver="dense", throw=False).status
    assert status.lambda_min < 0
    assert "indefinite" in status.message


def test_a_singular_kernel_names_the_closest_samples():
    x, y = sample(12, 2)
    x[7] = x[4] + [1e-15, 0]
    match = (
        r"numerically singular on these samples \(eigenvalues of K/n from .* to .*; "
        r"samples 4 and 7 are .*e-1[56] apart\): set ridge > 0 or leave out points"
    )
    with pytest.raises(ValueError, match=match):
        lfp.interpolate(lfp.TwoLayer(), x, y)
    refused = lfp.interpolate(lfp.TwoLayer(), x, y, throw=False)
    assert "samples 4 and 7" in refused.status.message
    with pytest.raises(ValueError, match=r"leave_one_out does not exist here: .*numerically sing"):
        refused.leave_one_out()
    assert lfp.interpolate(lfp.TwoLayer(), x, y, ridge=1e-6).norm > 0


def test_positions_that_repeat_with_different_values_are_refused():
    x, y = sample(6, 2, outputs=1)
    x[5], y[:, 0] = x[2], np.arange(6.0)
    with pytest.raises(ValueError, match=r"samples 2 and 5 are both at .* y = \[2\.0\] and \[5\.0"):
        lfp.interpolate(lfp.TwoLayer(), x, y)
    # with a ridge both count: the mean with half the noise
    h = lfp.interpolate(lfp.TwoLayer(), x, y, ridge=1e-2)
    weights = np.linalg.solve(lfp.TwoLayer().kernel(x, x) + 0.06 * np.eye(6), y)
    np.testing.assert_allclose(h(x), lfp.TwoLayer().kernel(x, x) @ weights, atol=1e-9)


def test_more_samples_than_memory_are_refused_with_the_bytes(monkeypatch):
    x, y = sample(50, 2)
    monkeypatch.setattr(_checks.os, "sysconf", lambda name: 100)
    match = r"this needs 80,000 bytes for 50 samples, more than half of .* \(5,000 bytes\); use sp"
    with pytest.raises(ValueError, match=match):
        lfp.interpolate(lfp.TwoLayer(), x, y, solver="dense")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (dict(ridge=-1e-3), r"ridge must be from 0 to 1e.100, got -0\.001"),
        (dict(ridge=np.nan), "ridge must be from 0 to 1e.100, got nan"),
        (dict(ridge=np.inf), "ridge must be from 0 to 1e.100, got inf"),
        (dict(rtol=0.0), r"rtol must be between 0 and 1, got 0\.0"),
        (dict(rtol=1.0), r"rtol must be between 0 and 1, got 1\.0"),
        (dict(solver="cholesky"), r"solver must be one of .*'iterative', got 'cholesky'"),
        (dict(space="modes"), r"space must be 'samples', got 'modes'"),
    ],
)
def test_bad_options_are_refused(options, match):
    x, y = sample(6, 2)
    with pytest.raises(ValueError, match=match):
        lfp.interpolate(lfp.TwoLayer(), x, y, **options)
