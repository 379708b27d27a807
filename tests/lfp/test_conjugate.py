"""Preconditioned conjugate gradients against dense solutions, and the preconditioner itself."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import lfp
from lfp.solvers.conjugate import Reduced, conjugate_gradients, minimise, preconditioner
from lfp.solvers.screening import Screening, coarse_to_fine, nearest_before
from lfp.spaces.modes import ModalSpace
from lfp.spaces.pointwise import pointwise
from lfp.spaces.samples import SampleSpace

LAW = lfp.TwoLayer(sigma_b=10.0)


def samples(n, d, outputs=1, seed=0):
    """Clusters of very different width, and noisy values."""
    rng = np.random.default_rng(seed)
    centres, widths = rng.uniform(-0.5, 0.5, size=(4, d)), np.array([0.3, 0.1, 0.03, 0.01])
    which = rng.integers(4, size=n)
    x = centres[which] + widths[which, None] * rng.normal(size=(n, d))
    x /= max(1.0, np.abs(x).max())
    return x, np.sin(3 * x.sum(axis=1))[:, None] + 0.2 * rng.normal(size=(n, outputs))


def dense(problem, ridge):
    """Weights a of `(K/n + ridge) a = u/n` with free functions, and their coefficients.

    K is probed by the space's own products, column by column.
    """
    space, u, n = pointwise(problem), problem.residual, len(problem.x)
    kernel = np.stack([space.product(e) for e in np.eye(n)], axis=1)
    free = np.isinf(space.affine)
    finite = np.where(free, 0.0, space.affine)
    kernel += (space.columns * finite) @ space.columns.T / n
    functions = space.columns[:, free]
    corner = np.zeros((free.sum(), free.sum()))
    system = np.block([[kernel + ridge * np.eye(n), functions], [functions.T, corner]])
    right = np.concatenate([u / n, np.zeros((len(corner), u.shape[1]))])
    solved = np.linalg.solve(system, right)
    weights, fitted = solved[:n], u - n * ridge * solved[:n]
    return weights, fitted, n * np.sum(weights * (kernel @ weights))


def close(actual, expected, rtol):
    assert np.abs(actual - expected).max() <= rtol * np.abs(expected).max()


@pytest.mark.parametrize(("d", "ridge"), [(1, 1e-3), (1, 1e-6), (2, 1e-3), (2, 1e-6), (3, 1e-3)])
def test_iteration_on_a_lattice_is_the_dense_solution_though_coefficients_are_negative(d, ridge):
    x, u = samples({1: 250, 2: 250, 3: 60}[d], d, outputs=2)
    problem = ModalSpace(LAW, lfp.Lattice(6.0, {1: 500, 2: 50, 3: 12}[d]), x, u)
    assert (problem.weights < 0).any()
    minimum = minimise(problem, ridge, 1e-10)
    assert not minimum.message
    assert minimum.residual <= 1e-10
    coefficients, factorised = problem.limit(ridge)
    close(minimum.coefficients, coefficients, 1e-8)
    close(minimum.square, factorised.square, 1e-8)


@pytest.mark.parametrize("zero_mode", ["excluded", "free", 0.7])
@pytest.mark.parametrize("law", [LAW, lfp.PowerLaw(3.0)])
def test_iteration_on_a_torus_is_the_dense_solution(law, zero_mode):
    x, u = samples(250, 2)
    problem = ModalSpace(law, lfp.Lattice(2.5, 24, "torus", zero_mode), x, u)
    minimum = minimise(problem, 1e-4, 1e-10)
    assert not minimum.message
    coefficients, factorised = problem.limit(1e-4)
    close(minimum.coefficients, coefficients, 1e-8)
    close(minimum.square, factorised.square, 1e-8)


@pytest.mark.parametrize("modes", [8, 40])
def test_iteration_serves_fewer_and_more_modes_than_samples(modes):
    x, u = samples(400, 2)
    problem = ModalSpace(LAW, lfp.Lattice(3.0, modes, "torus", "free"), x, u)
    assert (problem.size < len(x)) == (modes == 8) or problem.size > len(x)
    minimum = minimise(problem, 1e-5, 1e-10)
    expected = problem.modal_limit if modes == 8 else problem.limit
    close(minimum.coefficients, expected(1e-5)[0], 1e-7)


@pytest.mark.parametrize("ridge", [0.0, 1e-8, 1e-4])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_iteration_on_samples_is_the_dense_solution(d, ridge):
    x, u = samples(300, d, outputs=2)
    problem = SampleSpace(LAW, x, u)
    minimum = minimise(problem, ridge, 1e-10)
    assert not minimum.message
    expected = problem.limit(ridge)[0]
    weights, fitted, square = dense(problem, ridge)
    close(minimum.coefficients[0, :300], weights, 1e-4)  # condition 1e10
    close(problem.fitted(minimum.coefficients)[0], fitted, 1e-8)
    close(problem.fitted(minimum.coefficients), problem.fitted(expected), 1e-8)
    close(minimum.square, square, 1e-5)


@pytest.mark.parametrize(("alpha", "free"), [(3.0, 1), (4.5, 3)])
def test_functions_without_penalty_hold_the_weights_orthogonal_to_them(alpha, free):
    x, u = samples(200, 2)
    problem = SampleSpace(lfp.PowerLaw(alpha), x, u)
    minimum = minimise(problem, 1e-3, 1e-11)
    assert not minimum.message
    weights, fitted, square = dense(problem, 1e-3)
    close(minimum.coefficients[0, :200], weights, 1e-8)
    close(problem.fitted(minimum.coefficients)[0], fitted, 1e-8)
    close(minimum.square, square, 1e-8)
    columns = problem.affine_columns(x)
    assert columns.shape[1] == free
    assert np.abs(columns.T @ minimum.coefficients[0, :200]).max() < 1e-12 * np.abs(weights).sum()


def test_kernels_of_ones_own_need_no_affine_part():
    def kernel(x1, x2):
        return np.exp(-np.abs(x1[:, None] - x2[None]).sum(axis=-1))

    x, u = samples(300, 8)
    problem = SampleSpace(kernel, x, u)
    minimum = minimise(problem, 1e-6, 1e-10)
    close(minimum.coefficients[0], dense(problem, 1e-6)[0], 1e-8)


@pytest.mark.parametrize("n", [1, 2, 3, 9, 70])
def test_few_samples_are_solved_too(n):
    x, u = samples(n, 2)
    problem = SampleSpace(LAW, x, u)
    minimum = minimise(problem, 1e-2, 1e-11)
    close(problem.fitted(minimum.coefficients), problem.fitted(problem.limit(1e-2)[0]), 1e-9)


def test_residual_is_that_of_the_coefficients():
    x, u = samples(300, 2)
    problem, ridge, n = SampleSpace(LAW, x, u), 1e-5, 300
    for rtol in (1e-2, 1e-5, 1e-9):
        minimum = minimise(problem, ridge, rtol)
        left = u - problem.fitted(minimum.coefficients)[0] - ridge * n * minimum.coefficients[0, :n]
        assert 0 < minimum.residual <= rtol
        expected = np.linalg.norm(left) / np.linalg.norm(u)
        np.testing.assert_allclose(minimum.residual, expected, rtol=1e-4, atol=1e-13)


def test_data_of_free_functions_only_need_no_step():
    x, _ = samples(100, 2)
    problem = SampleSpace(lfp.PowerLaw(4.5), x, 1 + x[:, :1])
    minimum = minimise(problem, 1e-3, 1e-10)
    assert minimum.iterations == 0
    assert not minimum.message
    assert minimum.square < 1e-20
    close(problem.fitted(minimum.coefficients)[0], problem.residual, 1e-12)
    zero = minimise(SampleSpace(LAW, x, np.zeros((100, 1))), 0.0, 1e-10)
    assert zero.iterations == 0
    assert not zero.coefficients.any()


@pytest.mark.parametrize("rtol", [1e-9, 1e-12])
def test_progress_hears_of_every_step_of_every_start(rtol):
    x, u = samples(300, 1)
    heard = []
    minimum = minimise(
        SampleSpace(LAW, x, u), 0.0, rtol, lambda step, error: heard.append((step, error))
    )
    assert [step for step, _ in heard] == list(range(1, minimum.iterations + 1))
    reached = [step for step, error in heard if error <= rtol / 2]
    assert reached[-1] == minimum.iterations
    # rounding keeps the residual itself above 1e-12: it starts anew
    assert (len(reached) > 1) == (rtol == 1e-12)


def test_too_few_modes_to_interpolate_are_named(monkeypatch):
    x, u = samples(400, 2)
    problem = ModalSpace(LAW, lfp.Lattice(3.0, 4, "torus", "free"), x, u)
    monkeypatch.setattr("lfp.solvers.conjugate.MOST_STEPS", 200)
    minimum = minimise(problem, 0.0, 1e-8)
    assert minimum.message
    assert "243 modes do not interpolate 400 samples" in minimum.message
    assert minimum.residual > 1e-3


def test_kernels_that_are_not_positive_are_refused():
    x, u = samples(200, 3)
    problem = SampleSpace(lfp.TwoLayer(sigma_w=4.0, sigma_b=1.0), 3 * x, u)
    assert np.linalg.eigvalsh(problem.matrix)[0] < -1e-3
    assert not minimise(problem, 0.0, 1e-8).definite
    with pytest.raises(ValueError, match=r"indefinite on these samples.*larger sigma_b"):
        lfp.interpolate(lfp.TwoLayer(sigma_w=4.0, sigma_b=1.0), 3 * x, u, solver="iterative")


def test_residuals_that_rounding_does_not_allow_are_reported(monkeypatch):
    monkeypatch.setattr("lfp.solvers.conjugate.MOST_STEPS", 3)
    x, u = samples(300, 2)
    minimum = minimise(SampleSpace(LAW, x, u), 1e-8, 1e-10)
    assert minimum.iterations == 3
    assert "after 3 steps: set a larger ridge" in minimum.message


def test_preconditioner_is_built_only_where_a_trial_without_it_is_not_enough(monkeypatch):
    built = []

    def spy(space, ridge):
        built.append(ridge)
        return preconditioner(space, ridge)

    monkeypatch.setattr("lfp.solvers.conjugate.preconditioner", spy)
    monkeypatch.setattr("lfp.solvers.conjugate.TRIAL_FROM", 300)
    x, u = samples(300, 2, outputs=2)
    problem = SampleSpace(LAW, x, u)
    for ridge, expected in ((1e-2, []), (1e-7, [1e-7])):
        built.clear()
        minimum = minimise(problem, ridge, 1e-10)
        assert built == expected
        close(problem.fitted(minimum.coefficients), problem.fitted(problem.limit(ridge)[0]), 1e-7)


def test_conjugate_gradients_end_after_as_many_steps_as_there_are_eigenvalues():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.normal(size=(60, 60)))[0]
    matrix = (basis * np.repeat([1.0, 7.0, 30.0], 20)) @ basis.T
    right = rng.normal(size=60)
    solved, steps, indefinite = conjugate_gradients(
        matrix.__matmul__, lambda r: r, right, 1e-10, 100
    )
    assert steps == 3
    assert not indefinite
    close(solved, np.linalg.solve(matrix, right), 1e-10)


def test_reduced_system_is_the_schur_complement():
    x, u = samples(40, 2)
    space = pointwise(SampleSpace(LAW, x, u))
    reduced = Reduced(space, 1e-3)
    matrix = LAW.kernel(x, x) / 40 + 1e-3 * np.eye(40)
    basis = np.linalg.qr(space.columns, mode="complete")[0]
    head, rest = basis[:, :3], basis[:, 3:]
    inverse = np.linalg.inv(rest.T @ np.linalg.inv(matrix) @ rest)
    products = np.stack([reduced.product(v) for v in rest.T], axis=1)
    close(rest.T @ products, inverse, 1e-9)
    assert np.abs(head.T @ products).max() < 1e-12


@pytest.mark.parametrize("d", [1, 2, 3])
def test_product_and_entries_of_a_space_are_those_of_its_kernel(d):
    x, u = samples(60, d)
    indices = np.arange(60).reshape(4, 15)
    lattice = ModalSpace(LAW, lfp.Lattice(6.0, {1: 400, 2: 64, 3: 12}[d]), x, u)
    features = lattice._features()
    for problem, kernel in (
        (SampleSpace(LAW, x, u), LAW.kernel(x, x)),
        (lattice, (features * lattice.weights) @ features.T),
    ):
        space = pointwise(problem)
        affine = (space.columns * space.affine) @ space.columns.T
        vector = u[:, 0]
        product = 60 * space.product(vector) + affine @ vector
        close(product, kernel @ vector, 1e-11)
        whole, local = space.with_affine(space.affine)
        # splines on a grid with eight points to the shortest wave, four in d = 3
        close(whole(x, x), kernel, {1: 1e-8, 2: 1e-6, 3: 1e-4}[d])
        close(local(indices), np.stack([kernel[np.ix_(i, i)] for i in indices]), 1e-4)


def test_screening_without_far_samples_is_the_inverse():
    # sixty-four samples are factorised as a whole
    x, _ = samples(60, 2)
    space = pointwise(SampleSpace(LAW, x, np.zeros((60, 1))))
    kernel, local = space.with_affine(space.affine)
    inverse = Screening(x, kernel, local, noise=1e-3)
    columns = np.stack([inverse(e) for e in np.eye(60)], axis=1)
    close(columns @ (LAW.kernel(x, x) + 1e-3 * np.eye(60)), np.eye(60), 1e-5)


@pytest.mark.parametrize("noise", [0.0, 1e-3, 10.0])
def test_screening_is_near_the_inverse_whatever_the_noise(noise):
    n = 800
    x, _ = samples(n, 2)
    space = pointwise(SampleSpace(LAW, x, np.zeros((n, 1))))
    inverse = Screening(x, *space.with_affine(space.affine), noise=noise)
    columns = np.stack([inverse(e) for e in np.eye(n)], axis=1)
    close(columns, columns.T, 1e-6)
    matrix = LAW.kernel(x, x) + noise * np.eye(n)
    root = np.linalg.cholesky(matrix)
    eigenvalues = np.linalg.eigvalsh(root.T @ columns @ root)
    assert eigenvalues[0] > 0
    assert eigenvalues[-1] / eigenvalues[0] < 300


@pytest.mark.parametrize("ridge", [1e-6, 1e-8])
def test_preconditioned_steps_are_less_than_a_fifth_of_plain_and_jacobi_steps(ridge):
    x, u = samples(1500, 2)
    space = pointwise(SampleSpace(LAW, x, u))
    reduced = Reduced(space, ridge)
    diagonal = np.diag(LAW.kernel(x, x)) / len(x) + ridge
    source = u[:, 0] / np.sqrt(len(x))
    precondition = preconditioner(space, ridge)
    steps = reduced.solve(source, lambda: precondition, 1e-8, None).steps
    for other in (lambda r: r, lambda r: r / diagonal):
        capped = conjugate_gradients(
            reduced.product,
            lambda r, other=other: reduced._project(other(r)),
            reduced.right(source),
            0.5e-8 * float(np.linalg.norm(source)),
            5 * steps,
        )
        assert capped[1] == 5 * steps


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 200), st.integers(1, 4), st.integers(0, 10**6))
def test_order_is_a_permutation_of_which_every_beginning_covers_the_samples(n, d, seed):
    x = np.random.default_rng(seed).normal(size=(n, d))
    order = coarse_to_fine(x)
    np.testing.assert_array_equal(np.sort(order), np.arange(n))
    # each sample has one of the cell it shared when the next was taken
    gaps = np.linalg.norm(x[:, None] - x[None, order], axis=-1)
    covering = np.minimum.accumulate(gaps, axis=1).max(axis=0)
    extent = np.ptp(x, axis=0).max()
    cells = 2.0 ** -np.arange(12) * extent
    assert covering[0] <= np.sqrt(d) * extent * (1 + 1e-12)
    for side in cells:  # at most one sample for each cell comes before all cells are covered
        occupied = len(np.unique(np.floor((x - x.min(axis=0)) / side), axis=0))
        assert covering[min(occupied, n) - 1] <= np.sqrt(d) * side * (1 + 1e-9)


def test_equal_positions_end_the_order():
    x = np.repeat(np.arange(5.0), 3)[:, None]
    assert set(x[coarse_to_fine(x)[:5], 0]) == set(range(5))


def test_neighbours_come_before_and_are_nearest_within_the_prefix_that_was_searched():
    x = np.random.default_rng(0).normal(size=(300, 2))
    found = nearest_before(x, 5, 20)
    assert found.shape == (280, 5)
    for i, row in enumerate(found):
        assert (row < 20 + i).all()
        distances = np.linalg.norm(x[: 20 + i] - x[20 + i], axis=1)
        prefix = distances[: int((20 + i) / 1.2)]
        assert np.linalg.norm(x[row] - x[20 + i], axis=1).max() <= np.sort(prefix)[4]


def test_neighbours_in_many_dimensions_are_those_of_the_tree(monkeypatch):
    x = np.random.default_rng(0).normal(size=(200, 4))
    tree = nearest_before(x, 6, 20)
    monkeypatch.setattr("lfp.solvers.screening.TREE_UP_TO", 0)
    np.testing.assert_array_equal(np.sort(nearest_before(x, 6, 20)), np.sort(tree))
