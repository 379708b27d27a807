"""One table of problems; every space and solver against the dense real-space solution."""

import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings

import lfp
from lfp.choice import choose_space, make_space
from lfp.solvers.krylov import Krylov
from lfp.spaces.prefix import PowerSums

LAWS = {
    "relu": lfp.TwoLayer(),
    "wide": lfp.TwoLayer(sigma_a=0.5, sigma_w=2.0, sigma_b=20.0),
    "simplified": lfp.Simplified(r2=1.0, w2=0.7, r2w2=0.5, scale=30.0),
    "power": lfp.PowerLaw(alpha=3.5),
}


def points(where, n, dim, seed=0):
    rng = np.random.default_rng(seed)
    if where == "grid":
        side = round(n ** (1 / dim))
        axes = [np.linspace(-1, 1, side)] * dim
        x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, dim)
    elif where == "clustered":
        x = np.concatenate([rng.normal(0.4, 0.02, (n - 9, dim)), rng.uniform(-1, 1, (9, dim))])
    else:
        x = rng.uniform(-1, 1, (n, dim))
    x = x / np.sqrt(dim)  # within the unit ball
    return x, np.sin(5 * x.sum(axis=1)) + x[:, 0] ** 2 + 0.3 * rng.normal(size=len(x))


def applicable(law, dim):
    return not (isinstance(law, lfp.PowerLaw) and law.alpha <= dim)


TABLE = [
    # three dimensions take half of the time
    pytest.param(
        name,
        where,
        dim,
        marks=[pytest.mark.slow] if dim == 3 and (where != "random" or name == "wide") else [],
    )
    for name, law in LAWS.items()
    for where in ("random", "grid", "clustered")
    for dim in (1, 2, 3)
    if applicable(law, dim)
]


def relative(a, b, y):
    return np.sqrt(np.mean((a - b) ** 2, axis=1) / np.mean(y**2))


@pytest.mark.parametrize(("name", "where", "dim"), TABLE)
def test_krylov_in_sample_space_is_the_dense_solution(name, where, dim):
    law, (x, y) = LAWS[name], points(where, 120, dim)
    ts = lfp.times(law, x, decades=6, points=7)
    exact = lfp.solve(law, x, y, ts, space="samples", solver="dense")
    krylov = lfp.solve(law, x, y, ts, space="samples", solver="krylov")
    error = relative(krylov.fitted, exact.fitted, y)
    assert error.max() <= 1e-8
    assert krylov.status.error_estimate <= 1e-8
    probe = points("random", 30, dim, seed=5)[0]
    np.testing.assert_allclose(krylov(probe), exact(probe), atol=1e-7 * np.abs(y).max())


@pytest.mark.parametrize(("name", "where", "dim"), TABLE)
def test_krylov_on_a_lattice_is_the_dense_solution_of_the_same_lattice(name, where, dim):
    law, (x, y) = LAWS[name], points(where, 120, dim)
    lattice = lfp.Lattice(7.0, {1: 100, 2: 18, 3: 5}[dim])
    far = lfp.solve(law, x, y, [1e6], space=lattice, solver="dense", throw=False)
    until = far.status.resolved_until
    ts = min(until, 1e6 * lfp.times(law, x)[0]) * np.logspace(-6, 0, 7)
    exact = lfp.solve(law, x, y, ts, space=lattice, solver="dense")
    krylov = lfp.solve(law, x, y, ts, space=lattice, solver="krylov")
    assert relative(krylov.fitted, exact.fitted, y).max() <= 1e-8
    np.testing.assert_allclose(
        krylov.coefficients, exact.coefficients, atol=1e-6 * np.abs(exact.coefficients).max()
    )


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("zero_mode", ["excluded", "free", 2.0])
def test_krylov_on_a_torus_is_the_dense_solution(dim, zero_mode):
    law, (x, y) = lfp.TwoLayer(), points("random", 150, dim)
    lattice = lfp.Lattice(4.0, {1: 60, 2: 5}[dim], "torus", zero_mode)
    ts = np.logspace(-1, 5, 7)
    exact = lfp.solve(law, x, y, ts, space=lattice, solver="dense")
    krylov = lfp.solve(law, x, y, ts, space=lattice, solver="krylov")
    assert relative(krylov.fitted, exact.fitted, y).max() <= 1e-8


@pytest.mark.parametrize(("name", "where", "dim"), TABLE)
def test_lattice_is_the_real_space_law_until_it_says(name, where, dim):
    """The error before `resolved_until` is below one per cent of the data."""
    law, (x, y) = LAWS[name], points(where, 120, dim)
    lattice = lfp.Lattice(7.0, {1: 100, 2: 20, 3: 10}[dim])
    until = lfp.solve(law, x, y, [1e-9], space=lattice).status.resolved_until
    ts = until * np.logspace(-4, 0, 5)
    flow = lfp.solve(law, x, y, ts, space=lattice, throw=False)
    ts = ts[ts <= flow.status.resolved_until]
    assert len(ts) > 2
    outputs = lfp.solve(law, x, y, ts, space=lattice, throw=False).fitted
    assert relative(outputs, lfp.solve(law, x, y, ts, solver="dense").fitted, y).max() <= 0.01


@pytest.mark.parametrize(("dim", "cutoffs"), [(1, (60, 120, 240)), (2, (20, 40, 80)), (3, (8, 16))])
def test_discretisation_error_falls_as_the_tail_of_the_kernel(dim, cutoffs):
    """What is left out at one point, the sum of `|k|^-(d+1)` over d dimensions, falls as 1/N."""
    x, y = points("random", 40, dim)
    law = lfp.TwoLayer(sigma_a=1.0, sigma_w=1.0, sigma_b=10.0)
    ts = [lfp.times(law, x)[0] * 100]
    exact = lfp.solve(law, x, y, ts).fitted
    errors = [
        relative(lfp.solve(law, x, y, ts, space=lfp.Lattice(7.0, n)).fitted, exact, y)[0]
        for n in cutoffs
    ]
    slope = np.polyfit(np.log(cutoffs), np.log(errors), 1)[0]
    assert slope == pytest.approx(-1.0, abs=0.3)


def test_every_solver_agrees_where_all_apply():
    law, (x, y) = lfp.TwoLayer(), points("random", 40, 2)
    ts = lfp.times(law, x, decades=4, points=5)
    for space in ("samples", lfp.Lattice(7.0, 5)):
        flows = [
            lfp.solve(law, x, y, ts, space=space, solver=solver, rtol=1e-9, throw=False)
            for solver in ("dense", "krylov", "ode")
        ]
        for flow in flows[1:]:
            assert relative(flow.fitted, flows[0].fitted, y).max() <= 1e-7


def test_several_outputs_are_solved_as_one_each():
    law, (x, y) = lfp.TwoLayer(), points("random", 50, 2)
    both = np.stack([y, np.cos(3 * x[:, 0])], axis=1)
    ts = lfp.times(law, x, decades=5, points=4)
    xi = np.array([[0.5, 0.0], [1.0, 1.0]])
    probe = 0.9 * x[:7]
    for space in ("samples", lfp.Lattice(7.0, 20)):
        for solver in ("dense", "krylov"):
            flow = lfp.solve(law, x, both, ts, space=space, solver=solver)
            single = [lfp.solve(law, x, v, ts, space=space, solver=solver) for v in both.T]
            assert flow.fitted.shape == (4, 50, 2)
            assert flow.spectrum(xi).shape == (4, 2, 2)
            assert flow.half_times(xi).shape == (2, 2)
            for j in range(2):
                np.testing.assert_allclose(flow.fitted[..., j], single[j].fitted, atol=1e-8)
                np.testing.assert_allclose(flow(probe)[..., j], single[j](probe), atol=1e-7)
                np.testing.assert_allclose(
                    flow.half_times(xi)[:, j], single[j].half_times(xi), rtol=1e-5
                )
            np.testing.assert_allclose(flow.loss, sum(s.loss for s in single), rtol=1e-6)
            limit = lfp.interpolate(law, x, both)
            np.testing.assert_allclose(limit(x), both, atol=1e-8)


def test_loss_and_spectrum_from_the_modes_are_those_of_the_outputs():
    law, (x, y) = lfp.TwoLayer(), points("random", 3000, 1)
    flow = lfp.solve(law, x, y, np.logspace(-2, 4, 5), space=lfp.Lattice(6.0, 60), initial=initial)
    assert flow.status.unknowns < 3000
    np.testing.assert_allclose(flow.loss, np.mean((flow.fitted - y) ** 2, axis=1) / 2, rtol=1e-10)
    xi = np.array([0.0, 0.5, 3.3, 40.0])
    np.testing.assert_allclose(flow.spectrum(xi), lfp.nudft(x, flow.fitted.T, xi).T, atol=1e-10)


def initial(x):
    return np.cos(3 * x)


@settings(deadline=None, max_examples=20)
@given(
    st.integers(1, 60), st.integers(1, 30), st.floats(0, 2), st.floats(0, 2), st.floats(0, 2),
    st.integers(0, 99),
)  # fmt: skip
def test_power_sums_are_the_sums_written_out(n, m, cubic, linear, modulated, seed):
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(2.0, 1.0, n), 1)  # with repeated positions
    targets, values = rng.normal(2.0, 2.0, m), rng.normal(size=(n, 3))
    sums = PowerSums(x, (cubic, linear, modulated))

    def direct(at):
        z = np.abs(at[:, None] - x)
        return (cubic * z**3 - linear * z - modulated * np.outer(at, x) * z) @ values

    scale = np.abs(values).sum() * 500
    np.testing.assert_allclose(sums(values), direct(x), atol=1e-15 * scale)
    np.testing.assert_allclose(sums(values, targets), direct(targets), atol=1e-15 * scale)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 40), st.floats(0, 8), st.integers(0, 99))
def test_krylov_bound_holds_and_is_met(n, decades, seed):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(n, n)) * np.logspace(0, -decades / 2, n)
    matrix = factor @ factor.T / n
    source = rng.normal(size=n)
    last = 10**decades / np.linalg.eigvalsh(matrix)[-1]
    krylov = Krylov(
        source, lambda v, _: matrix @ v, lambda v: v, last, 1e-9 * np.linalg.norm(source), 2.0
    )
    assert krylov.converged
    ts = last * np.logspace(-6, 0, 5)
    values, vectors = scipy.linalg.eigh(matrix)
    for t, state in zip(ts, krylov(ts), strict=True):
        exact = vectors @ (-np.expm1(-np.maximum(values, 0) * t) * (vectors.T @ source))
        floor = 1e-15 * 10**decades
        assert np.linalg.norm(matrix @ state - exact) <= (1e-9 + floor) * np.linalg.norm(source)


def test_krylov_says_when_it_does_not_converge(monkeypatch):
    monkeypatch.setattr("lfp.solvers.krylov.MOST_STEPS", 5)
    law, (x, y) = lfp.TwoLayer(), points("random", 100, 1)
    with pytest.raises(ValueError, match=r"did not reach rtol = 1e-08 in 5 steps.*solver='dense'"):
        lfp.solve(law, x, y, [1e6], solver="krylov")
    status = lfp.solve(law, x, y, [1e6], solver="krylov", throw=False).status
    assert "did not reach" in status.message
    assert status.error_estimate > 1e-8


@pytest.mark.parametrize("space", ["samples", lfp.Lattice(6.0, 84)])
def test_data_without_residual_stay_at_zero(space):
    x = np.linspace(-1, 1, 30)
    flow = lfp.solve(lfp.TwoLayer(), x, 0 * x, [0.0, 1.0], space=space, solver="krylov")
    # zero but for the rounding of transforms that travel with others
    np.testing.assert_allclose(flow.fitted, 0, atol=1e-15)
    np.testing.assert_allclose(flow.loss, 0, atol=1e-30)


def test_space_and_solver_are_chosen_by_the_size_of_the_problem():
    law = lfp.TwoLayer()

    def status(n, dim, law=law, last=10.0):
        x = np.random.default_rng(0).uniform(-1, 1, (n, dim)) / np.sqrt(dim)
        return lfp.solve(law, x, x[:, 0], [last]).status

    small, middle, large = status(50, 1), status(3000, 1), status(30_000, 1, last=3e4)
    assert (small.space, small.solver) == ("samples", "dense")
    assert (middle.space, middle.solver) == ("samples", "krylov")
    assert (large.space, large.solver) == ("lattice", "krylov")
    assert large.lattice is not None
    assert large.resolved_until >= 3e4
    assert status(6000, 2, last=0.5).space == "lattice"
    assert status(20_001, 1, last=0.0).space == "samples"


def test_unpenalised_functions_are_learned_at_once():
    x, y = points("random", 40, 1)
    for law, columns in (
        (lfp.PowerLaw(2.0), [np.ones(40)]),
        (lfp.PowerLaw(4.0), [np.ones(40), x[:, 0]]),
        (lfp.Simplified(r2=1, w2=1, r2w2=1), [np.ones(40), x[:, 0]]),
    ):
        for space in ("samples", lfp.Lattice(6.0, 84)):
            for solver in ("dense", "krylov"):
                flow = lfp.solve(law, x, y, [0.0, 1e-3, 1.0], space=space, solver=solver)
                moments = np.stack(columns) @ (y - flow.fitted).T
                np.testing.assert_allclose(moments, 0, atol=1e-9)


@pytest.mark.parametrize(("n", "dim", "power"), [(200_000, 1, 0.5), (20, 1, 1.0), (20, 2, 1.0)])
def test_cutoff_that_resolves_grows_as_its_law_says(n, dim, power):
    """Dense samples see the largest rate left out, N^-2; single ones the sum of all, N^-1."""
    law, x = lfp.TwoLayer(), points("random", n, dim)[0]
    first = {0.5: 1e5, 1.0: 3e4 if dim == 1 else 3e2}[power]
    ts = first * np.array([1, 10, 100] if dim == 1 else [1, 2, 4])
    cutoffs = [lfp.Lattice.resolving(law, x, t).cutoff for t in ts]
    slope = np.diff(np.log(cutoffs)) / np.diff(np.log(ts))
    np.testing.assert_allclose(slope, power, atol=0.1)
    assert lfp.Lattice.resolving(law, x, 1e-3).cutoff == 84


@pytest.mark.parametrize(("n", "last"), [(200, 1e4), (30_000, 1e5)])
def test_lattice_chosen_for_a_time_resolves_it_and_is_not_much_too_large(n, last):
    law, (x, y) = lfp.TwoLayer(), points("random", n, 1)
    lattice = lfp.Lattice.resolving(law, x, last)
    until = lfp.solve(law, x, y, [last], space=lattice).status.resolved_until
    assert 1.0 <= until / last < 5
    assert lfp.Lattice.resolving(law, x, last, error=0.1).cutoff < lattice.cutoff


def test_bad_wishes_for_a_resolving_lattice_are_named():
    law, x = lfp.TwoLayer(), points("random", 20, 1)[0]
    assert lfp.Lattice.resolving(law, x, 1.0, kind="torus").kind == "torus"
    with pytest.raises(ValueError, match="last must be positive"):
        lfp.Lattice.resolving(law, x, 0.0)
    with pytest.raises(ValueError, match="error must be between 0 and 1, got 2"):
        lfp.Lattice.resolving(law, x, 1.0, error=2)


def test_space_of_a_problem_has_the_flow_of_its_kernel_in_both_forms():
    law, (x, y) = lfp.PowerLaw(3.5), points("random", 30, 1)
    space = make_space(law, None, x, y[:, None])
    matrix, right = space.general_form()
    symmetric, source = space.symmetric
    np.testing.assert_allclose(
        np.linalg.eigvalsh(matrix)[-10:], np.linalg.eigvalsh(symmetric)[-10:], rtol=1e-9
    )
    assert np.linalg.norm(right * np.sqrt(30)) == pytest.approx(np.linalg.norm(source))


def test_integrator_that_gives_up_says_so(monkeypatch):
    law, (x, y) = lfp.TwoLayer(), points("random", 12, 1)
    np.testing.assert_array_equal(lfp.solve(law, x, y, [0.0], solver="ode").fitted, 0)
    monkeypatch.setattr("lfp.solvers.ode.STEPS", 3)
    with pytest.raises(ValueError, match=r"Radau method stopped.*3 steps are not enough.*larger"):
        lfp.solve(law, x, y, [1e4], solver="ode", throw=False)


@pytest.mark.parametrize("zero_mode", ["excluded", "free", 2.0])
@pytest.mark.parametrize(
    "law",
    [*LAWS.values(), lfp.TwoLayer(divergence=False), lfp.TwoLayer("tanh"), lfp.TwoLayer("sin")],
    ids=str,
)
def test_torus_is_the_sum_over_its_modes(law, zero_mode):
    """Written out from the rates alone."""
    x, y = points("random", 50, 1)
    ts, k = np.array([0.1, 10.0, 1e3]), np.arange(1, 41) / 6.0
    a_rate, b_rate = law.rates(k, 1)
    waves = 2 * np.cos(2 * np.pi * (x - x.T)[..., None] * k) / 6.0
    kernel = waves @ (a_rate + b_rate) + law.has_divergence * (x @ x.T) * (waves @ b_rate)
    kernel += 2.0 if zero_mode == 2.0 else 0.0
    start = np.zeros(50)
    if zero_mode == "free":
        start += y.mean()
        kernel = kernel - kernel.mean(axis=0)
        kernel = kernel - kernel.mean(axis=1)[:, None]
    values, vectors = np.linalg.eigh(kernel / 50)
    decay = np.exp(-values * ts[:, None])
    expected = y - (decay * (vectors.T @ (y - start))) @ vectors.T
    for solver in ("dense", "krylov"):
        lattice = lfp.Lattice(6.0, 40, "torus", zero_mode)
        flow = lfp.solve(law, x, y, ts, space=lattice, solver=solver)
        np.testing.assert_allclose(flow.fitted, expected, atol=1e-8)


@settings(deadline=None, max_examples=20)
@given(st.integers(-80, 80), st.sampled_from(["samples", "modes"]), st.sampled_from([60, 25_000]))
def test_flow_is_homogeneous_in_the_data_at_any_scale(exponent, where, n):
    law, (x, y) = lfp.TwoLayer(), points("random", n, 1)
    space = lfp.Lattice(6.0, 84) if where == "modes" else "samples"
    ts = np.array([0.1, 1e3])
    flow = lfp.solve(law, x, y, ts, space=space, solver="krylov")
    scaled = lfp.solve(law, x, y * 10.0**exponent, ts, space=space, solver="krylov")
    at = x[:5]
    np.testing.assert_allclose(scaled(at) / 10.0**exponent, flow(at), atol=1e-7)


@pytest.mark.parametrize("law", [lfp.PowerLaw(3.5), lfp.PowerLaw(2.0), LAWS["simplified"]], ids=str)
@pytest.mark.parametrize("space", ["samples", lfp.Lattice(6.0, 84)], ids=str)
@pytest.mark.parametrize("solver", ["dense", "krylov", "ode"])
@pytest.mark.parametrize("x", [[0.3], [0.1, 0.5], [0.2, 0.2]], ids=str)
def test_data_that_free_functions_take_are_learned_at_once(law, space, solver, x):
    y = np.array([1.0, 2.0][: len(x)]) if len(set(x)) == len(x) else np.ones(len(x))
    flow = lfp.solve(law, x, y, [1e-3, 50.0], space=space, solver=solver)
    if len(x) == 1 or law != lfp.PowerLaw(2.0):
        np.testing.assert_allclose(flow.fitted, np.stack([y, y]), atol=1e-7)
    assert flow.loss[-1] <= flow.loss[0] + 1e-12


@pytest.mark.parametrize("name", ["tanh", "erf", "sigmoid", "softplus", "gaussian", "sin"])
def test_any_activation_is_solved_by_default_and_on_every_lattice(name):
    law, (x, y) = lfp.TwoLayer(name), points("random", 6000, 1)
    flow = lfp.solve(law, x, y, [1.0, 100.0])
    assert flow.status.space == "lattice"
    assert flow.status.resolved_until >= 100.0
    exact = lfp.solve(law, x[:200], y[:200], [1.0, 100.0], space="samples")
    on_lattice = lfp.solve(law, x[:200], y[:200], [1.0, 100.0], space=flow.status.lattice)
    assert relative(on_lattice.fitted, exact.fitted, y[:200]).max() <= 0.01


@pytest.mark.parametrize(
    ("law", "dim", "lattice"),
    [
        (lfp.TwoLayer("softplus", sigma_b=30.0), 3, lfp.Lattice(10.4, 8)),
        (lfp.TwoLayer(sigma_w=5.0, sigma_b=150.0), 3, lfp.Lattice(10.4, 8)),
        (lfp.TwoLayer("tanh"), 2, lfp.Lattice(8.5, 16)),
        (lfp.TwoLayer("gaussian"), 3, lfp.Lattice(9.0, 12)),
        (lfp.TwoLayer("sin"), 1, lfp.Lattice(6.0, 20)),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))]
)
def test_lattice_with_an_unresolved_window_says_until_when(law, dim, lattice, seed):
    x = points("random", 60, dim, seed)[0]
    y = np.sign(np.sin(7 * x[:, 0]))
    until = lfp.solve(law, x, y, [1e9], space=lattice, throw=False).status.resolved_until
    ts = until * np.array([0.1, 1.0])
    outputs = lfp.solve(law, x, y, ts, space=lattice, throw=False).fitted
    exact = lfp.solve(law, x, y, ts, space="samples", throw=False).fitted
    assert relative(outputs, exact, y).max() <= 0.01


def test_the_choice_keeps_to_the_samples_where_a_lattice_would_cost_more():
    law = lfp.TwoLayer()
    in_space, on_line = points("random", 5001, 3)[0], points("random", 20_001, 1)[0]
    assert choose_space(law, None, in_space, 20.0) == "samples"
    assert choose_space(law, None, in_space, 1e6) == "samples"
    assert choose_space(law, None, on_line, 2e8) == "samples"
    assert (
        choose_space(lfp.TwoLayer("sin", weights="fixed"), None, on_line[:6000], 1.0) == "samples"
    )
    assert choose_space(law, None, on_line, 100.0).cutoff == 84


def test_growing_modes_are_reported_without_warnings_or_nan():
    law, (x, y) = lfp.TwoLayer(sigma_w=4.0, sigma_b=1.0), points("random", 100, 1)
    for space in ("samples", lfp.Lattice(6.0, 84)):
        for solver in ("dense", "krylov"):
            options = dict(space=space, solver=solver)
            flow = lfp.solve(law, x, y, [1.0, 1e4], throw=False, **options)
            assert flow.status.message
            assert np.isfinite(flow.fitted).all()
            with pytest.raises(ValueError, match="eigenvalue -"):
                lfp.solve(law, x, y, [1.0, 1e4], **options)
    with pytest.raises(ValueError, match="indefinite"):
        lfp.solve(law, x, y, [1.0, 1e4], solver="ode")


@pytest.mark.parametrize("space", ["samples", lfp.Lattice(6.0, 300)], ids=str)
def test_krylov_holds_to_ten_decades(space):
    """The lattice has negative coefficients; dense eigenvalues are good to 1e-16 of the largest."""
    law, (x, y) = lfp.TwoLayer(), points("random", 400, 1)
    ts = lfp.times(law, x, decades=10, points=11)
    exact = lfp.solve(law, x, y, ts, space=space, solver="dense", throw=False)
    krylov = lfp.solve(law, x, y, ts, space=space, solver="krylov", throw=False)
    if space != "samples":
        assert (lfp.Lattice.coefficients(space, law, 1, space.reach(x))[0] < 0).sum() > 10
    rounding = 1e-16 * np.logspace(0, 10, 11)
    error = relative(krylov.fitted, exact.fitted, y)
    assert (error <= 1e-8 + rounding).all()
