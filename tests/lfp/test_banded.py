"""The O(n) solution in d = 1 against the dense one, its verdicts and its estimates."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import lfp
from lfp.solvers import chain

LAWS = {
    "two": lambda reach: lfp.TwoLayer(sigma_b=max(10.0, 3 * reach)),
    "frozen": lambda reach: lfp.TwoLayer(sigma_b=max(10.0, 3 * reach), divergence=False),
    "simplified": lambda reach: lfp.Simplified(1.0, 2.0, 0.5),
    "linear": lambda reach: lfp.PowerLaw(2),
    "cubic": lambda reach: lfp.PowerLaw(4),
}


def clusters(n, gap):
    """n samples at distances from `gap` to 0.2, in geometric steps, from four centres."""
    steps = np.geomspace(gap, 0.2, n // 4)
    pairs = zip((-1.0, -0.3, 0.4, 1.0), (1, -1, 1, -1), strict=True)
    return np.concatenate([centre + side * steps for centre, side in pairs])


SAMPLES = {
    "uniform": lambda n: np.random.default_rng(0).uniform(-1, 1, n),
    "clustered": lambda n: clusters(n, 1e-6),
    "shifted": lambda n: 1e3 + np.random.default_rng(0).uniform(0, 1, n),
    "far": lambda n: np.append(np.random.default_rng(0).uniform(-1, 1, n - 1), 50.0),
    "range": lambda n: np.random.default_rng(0).uniform(-1, 1, n) * np.repeat([1, 1e4], n // 2),
}
# a condition number that leaves a dense solution six digits or none
NOT_DENSE = {(x, "cubic", 0.0) for x in SAMPLES} | {
    ("range", law, ridge)
    for law in ("two", "frozen", "simplified", "cubic")
    for ridge in (0.0, 1e-6, 1e-3)
    if ridge == 0 or law in ("simplified", "cubic")
}


def data(x, seed=1):
    """A smooth and a random output `(n, 2)`."""
    u = (x - x.min()) / np.ptp(x)
    return np.column_stack([np.sin(9 * u) + u, np.random.default_rng(seed).uniform(-1, 1, len(x))])


def around(x, inside=300):
    """Positions between the samples and outside, to their extent away."""
    x = np.sort(x)
    middles = (x[1:] + x[:-1]) / 2
    middles = middles[:: max(1, len(middles) // inside)]
    beyond = np.ptp(x) * np.array([0.1, 1])
    return np.concatenate([middles, x[0] - beyond, x[-1] + beyond])


def check_against_dense(positions, law, ridge, n):
    x = SAMPLES[positions](n)
    y, at, which = data(x), around(x), LAWS[law](np.abs(x).max())
    dense = lfp.interpolate(which, x, y, ridge=ridge, solver="dense", throw=False)
    banded = lfp.interpolate(which, x, y, ridge=ridge, solver="banded")
    if (positions, law, ridge) in NOT_DENSE:
        assert dense.status.condition > 1e10
        return
    # random data bring all of the dense condition number into play, smooth ones little of it
    random = max(1e-8, 100 * dense.status.error_estimate)
    errors = np.abs(banded(at) - dense(at)).max(axis=0) / np.abs(dense(at)).max(axis=0)
    assert (errors < [1e-8, random]).all()
    assert banded.norm == pytest.approx(dense.norm, rel=random)
    if ridge == 0:
        left_out = dense.leave_one_out()
        errors = np.abs(banded.leave_one_out() - left_out).max(axis=0)
        assert (errors < np.array([1e-8, random]) * np.abs(left_out).max(axis=0)).all()


@pytest.mark.parametrize("ridge", [0.0, 1e-6, 1e-3])
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("positions", SAMPLES)
def test_banded_is_the_dense_solution(positions, law, ridge):
    check_against_dense(positions, law, ridge, 200)


@pytest.mark.slow
@pytest.mark.parametrize("ridge", [0.0, 1e-6, 1e-3])
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("positions", SAMPLES)
def test_banded_is_the_dense_solution_of_a_thousand_samples(positions, law, ridge):
    check_against_dense(positions, law, ridge, 1000)


@pytest.mark.parametrize("ridge", [0.0, 1e-3])
@pytest.mark.parametrize("law", LAWS)
def test_order_and_number_of_outputs_do_not_matter(law, ridge):
    rng = np.random.default_rng(2)
    x = clusters(60, 1e-3)
    y, at, which, order = data(x), around(x), LAWS[law](1.0), rng.permutation(60)
    both = lfp.interpolate(which, x, y, ridge=ridge)
    assert both.status.solver == "banded"
    mixed = lfp.interpolate(which, x[order], y[order], ridge=ridge)
    single = [lfp.interpolate(which, x, column, ridge=ridge) for column in y.T]
    np.testing.assert_array_equal(mixed(at), both(at))
    np.testing.assert_allclose(np.stack([h(at) for h in single], axis=1), both(at), atol=1e-13)
    assert both.norm == pytest.approx(np.linalg.norm([h.norm for h in single]), rel=1e-13)
    np.testing.assert_array_equal(mixed(rng.permutation(at[:, None])).shape, both(at).shape)
    if ridge == 0:
        np.testing.assert_array_equal(both(x), y)
        np.testing.assert_array_equal(mixed.leave_one_out(), both.leave_one_out()[order])


@pytest.mark.parametrize("ridge", [0.0, 1e-2])
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("n", [4, 5])
def test_the_fewest_samples_agree_with_dense(n, law, ridge):
    x = np.random.default_rng(n).uniform(-1, 1, n)
    y, at, which = data(x), around(x), LAWS[law](1.0)
    banded = lfp.interpolate(which, x, y, ridge=ridge, solver="banded")
    dense = lfp.interpolate(which, x, y, ridge=ridge, solver="dense")
    np.testing.assert_allclose(banded(at), dense(at), atol=1e-9 * np.abs(dense(at)).max())
    assert banded.norm == pytest.approx(dense.norm, rel=1e-9)
    few = lfp.interpolate(which, x[:3], y[:3], ridge=ridge)
    assert few.status.solver == "dense"


@pytest.mark.parametrize("law", LAWS)
def test_repeated_positions_with_a_ridge_count_as_often_as_they_are_there(law):
    rng = np.random.default_rng(4)
    x = rng.choice(rng.uniform(-1, 1, 12), 60)
    y, at, which = data(x), around(np.unique(x)), LAWS[law](1.0)
    banded = lfp.interpolate(which, x, y, ridge=1e-3, solver="banded")
    dense = lfp.interpolate(which, x, y, ridge=1e-3, solver="dense")
    np.testing.assert_allclose(banded(at), dense(at), atol=1e-10 * np.abs(dense(at)).max())
    assert banded.norm == pytest.approx(dense.norm, rel=1e-10)
    assert banded.status.unknowns == 60


def test_a_linear_function_and_a_constant_cost_what_their_coefficients_say():
    x = clusters(40, 1e-3)
    for law in ("simplified", "cubic"):  # not penalised
        h = lfp.interpolate(LAWS[law](1.0), x, 3 - 2 * x)
        np.testing.assert_allclose(h(np.array([-5.0, 0.2, 7.0])), [13, 2.6, -11], rtol=1e-12)
        assert h.norm < 1e-7
        assert np.abs(h.leave_one_out()).max() < 1e-12
    constant = lfp.interpolate(lfp.PowerLaw(2), x, np.full(40, 3.0))
    assert constant.norm == 0
    np.testing.assert_array_equal(constant(around(x)), 3.0)
    nothing = lfp.interpolate(LAWS["two"](1.0), x, np.zeros(40))
    assert nothing.norm == 0
    np.testing.assert_array_equal(nothing(around(x)), 0.0)


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(st.floats(0.1, 10), st.floats(0.3, 10), st.floats(0.3, 10)),
    st.booleans(),
    st.integers(4, 12),
    st.sampled_from([0.0, 1e-6, 1e-3, 0.1]),
    st.integers(0, 999),
)
def test_indefinite_exactly_where_a_dense_eigenvalue_is_negative(sigmas, moves, n, ridge, seed):
    rng = np.random.default_rng(seed)
    x = np.linspace(-1, 1, n) + rng.uniform(-0.4, 0.4, n) / n
    law = lfp.TwoLayer(sigma_a=sigmas[0], sigma_w=sigmas[1], sigma_b=sigmas[2], divergence=moves)
    least, *_, largest = np.linalg.eigvalsh(law.kernel(x, x) + n * ridge * np.eye(n))
    h = lfp.interpolate(law, x, rng.normal(size=n), ridge=ridge, solver="banded", throw=False)
    if abs(least) > 1e-10 * largest:  # its sign is known
        assert ("indefinite" in h.status.message) == (least < 0)


def test_an_indefinite_law_is_refused_until_the_ridge_outweighs_it():
    law, x, y = lfp.TwoLayer(sigma_w=4.0, sigma_b=1.0), np.linspace(-1, 1, 10), np.arange(10.0)
    least = np.linalg.eigvalsh(law.kernel(x, x) / 10)[0]
    assert least < -0.1
    for ridge in (0.0, -0.99 * least):
        with pytest.raises(ValueError, match=r"the kernel is indefinite.*law\.ntk"):
            lfp.interpolate(law, x, y, ridge=ridge, solver="banded")
    definite = lfp.interpolate(law, x, y, ridge=-1.01 * least, solver="banded")
    weights = np.linalg.solve(law.kernel(x, x) - 10.1 * least * np.eye(10), y)
    np.testing.assert_allclose(definite(x), law.kernel(x, x) @ weights, rtol=1e-9)


@pytest.mark.parametrize("positions", ["uniform", "clustered", "far"])
@pytest.mark.parametrize("law", LAWS)
def test_condition_is_that_of_the_factorised_matrix(law, positions, monkeypatch):
    x = np.sort(SAMPLES[positions](40))
    which, y = LAWS[law](np.abs(x).max()), np.cos(x)
    seen, factorise, factorise_band = [], chain.factorise, chain.factorise_band

    def tridiagonal(diagonal, off):
        seen.append(np.diag(diagonal) + np.diag(off, 1) + np.diag(off, -1))
        return factorise(diagonal, off)

    def banded(band, lower, upper, overwrite_ab):
        size = band.shape[1]
        matrix = np.zeros((size, size))
        for offset in range(-upper, lower + 1):
            j = np.arange(max(0, -offset), min(size, size - offset))
            matrix[j + offset, j] = band[lower + upper + offset, j]
        seen.append(matrix)
        return factorise_band(band, lower, upper, overwrite_ab=overwrite_ab)

    monkeypatch.setattr(chain, "factorise", tridiagonal)
    monkeypatch.setattr(chain, "factorise_band", banded)
    for ridge in (0.0, 1e-3):
        estimate = lfp.interpolate(which, x, y, ridge=ridge, solver="banded").status.condition
        assert 0.1 < estimate / np.linalg.cond(seen.pop()) < 10
        assert not seen


def test_error_estimate_covers_the_distance_to_dense_on_even_samples():
    x = np.linspace(-1, 1, 100)
    for law in LAWS.values():
        banded = lfp.interpolate(law(1.0), x, np.sin(9 * x), solver="banded")
        dense = lfp.interpolate(law(1.0), x, np.sin(9 * x), solver="dense")
        distance = np.abs(banded(around(x)) - dense(around(x)))[:-4].max()
        assert distance < 10 * (banded.status.error_estimate + dense.status.error_estimate)
        assert banded.status.residual < 1e-8


def test_what_banded_does_not_serve_is_refused():
    x, y = np.linspace(-1, 1, 6), np.arange(6.0)
    refused = r"solver must not be 'banded' for .*dimension {}: it serves laws with `powers`"
    for law, at, dim in (
        (lfp.TwoLayer(activation="tanh"), x, 1),
        (lfp.PowerLaw(3), x, 1),
        (lfp.TwoLayer().ntk, x, 1),
        (lfp.TwoLayer(), np.column_stack([x, x**2]), 2),
    ):
        with pytest.raises(ValueError, match=refused.format(dim)):
            lfp.interpolate(law, at, y, solver="banded")
    with pytest.raises(ValueError, match=r"must be 'dense' or 'iterative' on a Lattice, got 'ba"):
        lfp.interpolate(lfp.TwoLayer(), x, y, solver="banded", space=lfp.Lattice(6.0, 90))
    with pytest.raises(ValueError, match=r"solver must be one of 'dense', .*, got 'fast'"):
        lfp.interpolate(lfp.TwoLayer(), x, y, solver="fast")


def test_too_few_or_too_close_positions_are_refused():
    law, y = lfp.TwoLayer(), np.arange(4.0)
    few = r"solver='banded' needs at least 4 different positions, got 3: use solver='dense'"
    with pytest.raises(ValueError, match=few):
        lfp.interpolate(law, [0.0, 1.0, 2.0], y[:3], solver="banded")
    with pytest.raises(ValueError, match=few):  # repeated
        lfp.interpolate(law, [0.0, 1.0, 2.0, 1.0], y, ridge=0.1, solver="banded")
    x = np.array([0.0, 1.0, np.nextafter(1.0, 2.0), 2.0])
    close = r"numerically equal when ridge = 0: 1 and 1\.0000000000000002 are 2\.22e-16 apart"
    with pytest.raises(ValueError, match=close):
        lfp.interpolate(law, x, y, solver="banded")
    for number in (-0.1, np.nan, np.inf):
        with pytest.raises(ValueError, match=f"ridge must be from 0 to 1e.100, got {number}"):
            lfp.interpolate(law, x, y, ridge=number, solver="banded")
    for number in (0.0, 1.0, -1.0, 2.0):
        with pytest.raises(ValueError, match=f"rtol must be between 0 and 1, got {number}"):
            lfp.interpolate(law, x, y, rtol=number, solver="banded")


def test_numerically_equal_positions_are_one_position_with_a_ridge():
    x = np.array([-1.0, 0.0, 1.0, np.nextafter(1.0, 2.0), 2.0])
    y, at = np.array([1.0, 0.0, 1.0, 3.0, 0.0]), np.linspace(-2, 3, 50)
    apart = lfp.interpolate(lfp.TwoLayer(), x, y, ridge=1e-2, solver="banded")
    x[3] = 1.0
    together = lfp.interpolate(lfp.TwoLayer(), x, y, ridge=1e-2, solver="banded")
    np.testing.assert_allclose(apart(at), together(at), atol=1e-12)


@pytest.mark.parametrize("law", [lfp.TwoLayer(), lfp.PowerLaw(2.0), lfp.PowerLaw(4.0)])
def test_smooth_values_at_random_positions_are_interpolated_whatever_the_smallest_gap(law):
    x = np.sort(np.random.default_rng(0).uniform(-1, 1, 100_000))
    assert np.diff(x).min() < 1e-9
    limit = lfp.interpolate(law, x, np.sin(3 * x))
    np.testing.assert_allclose(limit(x[::7]), np.sin(3 * x[::7]), rtol=0, atol=1e-15)
    between = (x[1:] + x[:-1]) / 2
    chord = 9 / 8 * np.diff(x).max() ** 2  # what a chord of the sine misses at most
    np.testing.assert_allclose(limit(between), np.sin(3 * between), rtol=0, atol=1.01 * chord)


@pytest.mark.parametrize("law", [lfp.TwoLayer(), lfp.PowerLaw(4.0)])
@pytest.mark.parametrize("ridge", [1.0, 1e3, 1e6])
def test_error_estimate_covers_what_a_large_ridge_costs(law, ridge):
    random = np.random.default_rng(0)
    x, at = random.uniform(-1, 1, 1000), np.linspace(-1, 1, 50)
    y = np.sin(9 * x) + x
    limit = lfp.interpolate(law, x, y, ridge=ridge)
    dense = lfp.interpolate(law, x, y, ridge=ridge, solver="dense")(at)
    error = np.abs(limit(at) - dense).max() / np.abs(dense).max()
    assert error <= max(1e-11, limit.status.error_estimate)


def test_a_kernel_that_only_the_ridge_makes_definite_has_no_norm():
    law, x = lfp.TwoLayer(sigma_w=4.0, sigma_b=1.0), np.linspace(-1, 1, 10)
    least = np.linalg.eigvalsh(law.kernel(x, x) / 10)[0]
    assert least < 0
    for solver in ("banded", "dense"):
        limit = lfp.interpolate(law, x, np.arange(10.0), ridge=-1.01 * least, solver=solver)
        assert np.isnan(limit.norm)
