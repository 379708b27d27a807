import hypothesis.strategies as st
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings

import lfp


def problem(n=25, d=1, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=(n, d)) / np.sqrt(d)
    return x, np.sin(4 * x.sum(axis=1)) + x[:, 0] ** 2 + 0.3 * rng.normal(size=n)


problems = st.builds(problem, st.integers(1, 30), st.sampled_from([1, 2, 5]), st.integers(0, 99))
laws = st.tuples(st.floats(0.3, 2.0), st.floats(0.3, 2.0), st.floats(20.0, 40.0)).map(
    lambda sigmas: lfp.TwoLayer(sigma_a=sigmas[0], sigma_w=sigmas[1], sigma_b=sigmas[2])
)


def test_flow_solves_its_differential_equation():
    x, y = problem(8, 2)
    law = lfp.TwoLayer()
    ts = lfp.times(law, x, decades=3, points=6)
    flow = lfp.solve(law, x, y, ts)
    matrix = law.kernel(x, x) / 8
    expected = [y - scipy.linalg.expm(-t * matrix) @ y for t in ts]
    np.testing.assert_allclose(flow.fitted, expected, atol=1e-11)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_lfp_follows_the_exact_kernel_at_all_times(d):
    x, y = problem(60, d)
    law = lfp.TwoLayer(sigma_a=1.0, sigma_w=1.0, sigma_b=10.0)
    ts = lfp.times(law.ntk, x, decades=7, points=36)
    predicted, exact = lfp.solve(law, x, y, ts).fitted, lfp.solve(law.ntk, x, y, ts).fitted
    error = np.linalg.norm(predicted - exact, axis=1) / np.linalg.norm(exact, axis=1)
    assert error.max() <= 2e-3


@pytest.mark.parametrize("kernel", ["kernel", "ntk"])
def test_dense_solution_agrees_with_a_library_integrator(kernel):
    x, y = problem(12)
    law = lfp.TwoLayer(sigma_b=5.0)
    ts = lfp.times(law, x, decades=5, points=12)
    which = law if kernel == "kernel" else law.ntk
    flow = lfp.solve(which, x, y, ts)
    reference = lfp.solve(which, x, y, ts, solver="ode", rtol=1e-9)
    np.testing.assert_allclose(flow.fitted, reference.fitted, atol=1e-7)
    assert reference.status.solver == "ode"
    assert reference.status.iterations > 0


def test_infinite_time_interpolates_samples():
    x, y = problem(20)
    law = lfp.TwoLayer()
    limit = lfp.interpolate(law, x, y)
    grid = np.linspace(-1, 1, 101)
    # the slowest mode has relaxed: exp(-40)
    flow = lfp.solve(law, x, y, [40 / lfp.solve(law, x, y, [1.0]).status.lambda_min])
    # eigenvalues of the flow are known to eps * lambda_max, so this is the floor of the comparison
    floor = 100 * np.finfo(float).eps * flow.status.lambda_max / flow.status.lambda_min
    assert floor < 1e-4
    np.testing.assert_allclose(flow(grid)[0], limit(grid), atol=max(1e-8, floor))
    np.testing.assert_allclose(flow.fitted[0], y, atol=1e-8)


@pytest.mark.parametrize("d", [1, 3])
def test_infinite_time_limit_is_met_to_eight_digits_where_the_condition_allows(d):
    x = np.linspace(-1, 1, 6)[:, None] * np.ones((1, d)) / np.sqrt(d)
    y = np.array([1.0, -1.0, 0.5, 0.2, -0.7, 0.9])
    law = lfp.TwoLayer(sigma_b=5.0)
    status = lfp.solve(law, x, y, [1.0]).status
    assert status.lambda_max / status.lambda_min < 1e6
    flow = lfp.solve(law, x, y, [40 / status.lambda_min])
    grid = np.linspace(-1, 1, 57)[:, None] * np.ones((1, d)) / np.sqrt(d)
    np.testing.assert_allclose(flow(grid)[0], lfp.interpolate(law, x, y)(grid), atol=1e-8)


@settings(deadline=None, max_examples=15)
@given(problems, laws)
def test_time_zero_returns_the_initial_output(data, law):
    x, y = data

    def initial(at):
        return np.cos(3 * np.reshape(at, (len(at), -1)).sum(axis=1)) + 2

    flow = lfp.solve(law, x, y, [0.0], initial=initial)
    np.testing.assert_array_equal(flow.fitted[0], initial(x))
    np.testing.assert_array_equal(lfp.solve(law, x, y, [0.0]).fitted[0], 0)


@settings(deadline=None, max_examples=15)
@given(problems, laws, st.floats(0.01, 100), st.floats(0.01, 100))
def test_flows_compose(data, law, first, second):
    x, y = data
    whole = lfp.solve(law, x, y, [first, first + second])
    rest = lfp.solve(law, x, y, [second], initial=lambda at: whole(at, [first])[0])
    np.testing.assert_allclose(rest.fitted[0], whole.fitted[1], atol=1e-9 * (1 + np.abs(y).max()))


@settings(deadline=None, max_examples=15)
@given(problems, laws, st.floats(-3, 3), st.integers(0, 99))
def test_flow_is_linear_in_the_data(data, law, factor, seed):
    x, y = data
    other = np.random.default_rng(seed).normal(size=len(y))
    ts = lfp.times(law, x, decades=5, points=5)
    combined = lfp.solve(law, x, y + factor * other, ts).fitted
    separate = lfp.solve(law, x, y, ts).fitted + factor * lfp.solve(law, x, other, ts).fitted
    np.testing.assert_allclose(combined, separate, atol=1e-9)


@settings(deadline=None, max_examples=15)
@given(problems, laws, st.randoms(use_true_random=False))
def test_order_of_samples_does_not_matter(data, law, random):
    x, y = data
    order = list(range(len(y)))
    random.shuffle(order)
    ts = lfp.times(law, x, decades=5, points=5)
    moved = lfp.solve(law, x[order], y[order], ts).fitted
    np.testing.assert_allclose(moved, lfp.solve(law, x, y, ts).fitted[:, order], atol=1e-9)


@settings(deadline=None, max_examples=15)
@given(problems, laws)
def test_loss_never_increases_and_outputs_are_real(data, law):
    x, y = data
    flow = lfp.solve(law, x, y, lfp.times(law, x, decades=7, points=40))
    assert flow.fitted.dtype == np.float64
    assert (np.diff(flow.loss) <= 1e-12 * flow.loss[0]).all()
    np.testing.assert_allclose(flow.loss, ((flow.fitted - y) ** 2).mean(axis=1) / 2)


def test_half_times_of_a_single_mode_are_exact():
    x = np.arange(32) / 32
    y = np.cos(2 * np.pi * 3 * x)
    # a kernel whose only eigenfunction is y, with eigenvalue 1/2 of K/n
    flow = lfp.solve(
        lambda p, q: np.cos(6 * np.pi * (p[:, None] - q)), x, y, np.logspace(-2, 1, 400)
    )
    assert flow.half_times([3.0])[0] == pytest.approx(2 * np.log(2), rel=1e-4)
    assert np.isnan(
        lfp.solve(lambda p, q: np.cos(6 * np.pi * (p[:, None] - q)), x, y, [0.1, 0.2]).half_times(
            [3.0]
        )[0]
    )


def test_half_times_takes_the_first_crossing_per_frequency():
    ts = np.array([0.0, 1.0, 10.0, 100.0])
    error = np.array([[1.0, 0.4, 1.0], [0.75, 0.9, 1.0], [0.25, 0.1, 1.0], [0.6, 0.1, 0.9]])
    halves = lfp.half_times(ts, error)
    np.testing.assert_allclose(halves, [np.sqrt(10.0), 0.0, np.nan])
    # in t from t = 0 on; an unknown value is no crossing and nothing to interpolate from
    np.testing.assert_allclose(lfp.half_times([0.0, 2.0], [[1.0], [0.0]]), [1.0])
    np.testing.assert_allclose(lfp.half_times([1.0, 10.0], [[np.nan], [0.1]]), [10.0])


@settings(deadline=None, max_examples=10)
@given(st.integers(2, 40), st.floats(0, 20), laws)
def test_loss_split_adds_up_to_the_loss(n, eta, law):
    rng = np.random.default_rng(n)
    x = rng.permutation(np.linspace(-1, 1, n))
    flow = lfp.solve(law, x, rng.normal(size=n), [0.0, 0.1, 10.0])
    low, high = flow.loss_split(eta)
    np.testing.assert_allclose(low + high, flow.loss, rtol=1e-10)
    if eta > 0:
        assert (low >= 0).all()
    else:
        np.testing.assert_array_equal(low, 0)


def test_half_time_of_a_frequency_that_the_data_lack_is_unknown():
    x = np.linspace(-1, 1, 9)
    assert np.isnan(lfp.solve(lfp.TwoLayer(), x, np.zeros(9), [1.0]).half_times([1.0])).all()
    assert lfp.solve(lfp.TwoLayer(), x, x**2, [1.0, 1e9]).half_times(1.0).shape == (1,)


def test_spectrum_is_the_transform_of_the_fitted_outputs():
    x, y = problem(20)
    flow = lfp.solve(lfp.TwoLayer(), x, y, [0.1, 1.0])
    expected = lfp.nudft_direct(x, flow.fitted.T, [1.0, 2.5]).T
    np.testing.assert_allclose(flow.spectrum([1.0, 2.5]), expected, atol=1e-12)


def test_indefinite_kernel_is_refused_with_advice():
    x = np.linspace(-1, 1, 40)
    ts = [1.0]
    with pytest.raises(ValueError, match=r"indefinite.*validity parameter.* is 16 .*law\.ntk"):
        lfp.solve(lfp.TwoLayer(sigma_w=4.0, sigma_b=1.0), x, x, ts)
    flow = lfp.solve(lfp.TwoLayer(sigma_w=4.0, sigma_b=1.0), x, x, ts, throw=False)
    assert "indefinite" in flow.status.message
    assert flow.status.lambda_min < 0
    assert lfp.solve(lfp.TwoLayer(sigma_w=4.0, sigma_b=1.0).ntk, x, x, ts).status.message == ""


def test_times_start_at_the_fastest_mode():
    x, _ = problem(30, 2)
    law = lfp.TwoLayer()
    largest = np.linalg.eigvalsh(law.ntk(x, x) / 30)[-1]
    ts = lfp.times(law.ntk, x, decades=4, points=9)
    np.testing.assert_allclose(ts, np.logspace(0, 4, 9) / largest, rtol=1e-10)


def test_evaluation_in_blocks_changes_nothing(monkeypatch):
    x, y = problem(20)
    flow = lfp.solve(lfp.TwoLayer(), x, y, [0.1, 1.0])
    whole = flow(np.linspace(-1, 1, 50))
    monkeypatch.setattr("lfp.spaces.samples.BLOCK", 60)
    np.testing.assert_allclose(flow(np.linspace(-1, 1, 50)), whole, rtol=1e-12)


LATTICE = lfp.Lattice(7.0, 84)


def start(x):
    return np.cos(2 * np.reshape(x, (len(x), -1)).sum(axis=1))


@pytest.mark.parametrize("space", ["samples", LATTICE])
@pytest.mark.parametrize("law", [lfp.TwoLayer(), lfp.PowerLaw(4.0)], ids=["relu", "power"])
@pytest.mark.parametrize("solver", ["dense", "krylov", "ode"])
def test_effective_rate_is_the_logarithmic_derivative_of_the_error(space, law, solver):
    x, y = problem(30)
    if solver == "ode" and space is LATTICE:
        space = lfp.Lattice(7.0, 12, "torus", "free")  # the integrator is slow on many modes
    ts = np.array([0.01, 1.0, 30.0])
    xi, step = np.array([0.4, 1.0, 3.0]), 1e-4
    target = lfp.nudft(x, y, xi)

    def logarithms(factor):
        flow = lfp.solve(law, x, y, ts * factor, space=space, solver=solver, initial=start)
        return np.log(np.abs(flow.spectrum(xi) - target))

    flow = lfp.solve(law, x, y, ts, space=space, solver=solver, initial=start)
    difference = (logarithms(1 + step) - logarithms(1 - step)) / (2 * step * ts[:, None])
    scale = np.abs(difference).max()
    np.testing.assert_allclose(flow.effective_rate(xi), -difference, atol=1e-5 * scale)


@pytest.mark.parametrize("space", ["samples", LATTICE])
@pytest.mark.parametrize("law", [lfp.TwoLayer(), lfp.PowerLaw(4.0)], ids=["relu", "power"])
def test_degrees_of_freedom_are_the_trace_of_what_is_learned(space, law):
    x, y = problem(60)
    ts = np.array([0.0, 0.1, 10.0, 100.0])
    # column by column: the response of each sample's output to its own datum
    columns = lfp.solve(law, x, np.eye(60), ts, space=space).fitted
    trace = np.trace(columns, axis1=1, axis2=2)
    exact = lfp.solve(law, x, y, ts, space=space).degrees_of_freedom
    np.testing.assert_allclose(exact, trace, atol=1e-7)
    assert trace[-1] > 2
    estimate = lfp.solve(law, x, y, ts, space=space, solver="krylov").degrees_of_freedom
    assert (np.abs(estimate - trace) <= 4 * np.sqrt(np.maximum(trace, 0) / 4) + 1e-7).all()


def test_stopping_time_does_not_depend_on_how_the_flow_was_solved():
    rng = np.random.default_rng(1)
    x = np.sort(rng.uniform(-1, 1, 700))
    y = np.sin(4 * x) + 0.3 * rng.normal(size=700)
    law, ts = lfp.TwoLayer(), np.logspace(-2, 6, 60)
    exact = lfp.solve(law, x, y, ts, solver="dense").stopping_time(0.3)
    krylov = lfp.solve(law, x, y, ts, solver="krylov").stopping_time(0.3)
    modes = lfp.solve(law, x, y, ts, space=lfp.Lattice(6.0, 200)).stopping_time(0.3)
    assert ts[0] < exact < ts[-1]
    assert np.log10([krylov / exact, modes / exact]) == pytest.approx([0, 0], abs=0.4)


def test_predictions_refuse_what_they_cannot_say():
    x, y = problem(12)
    flow = lfp.solve(lfp.TwoLayer(), x, y, [0.1, 1.0], loss="huber")
    with pytest.raises(ValueError, match="degrees_of_freedom needs loss='mse'"):
        flow.stopping_time(0.1)
    several = lfp.solve(lfp.TwoLayer(), x, np.stack([y, y], axis=1), [0.1, 1.0])
    with pytest.raises(
        ValueError, match=r"stopping_time needs one output, got y of shape \(12, 2\)"
    ):
        several.stopping_time(0.1)


@pytest.mark.parametrize("loss", [2, 3, 4.0, "logistic", "huber"])
def test_general_losses_are_solved_and_measured(loss):
    x, y = problem(10)
    law, ts = lfp.TwoLayer(sigma_b=4.0), np.array([0.0, 1.0, 1e3])
    flow = lfp.solve(law, x, y, ts, loss=loss, initial=start)
    np.testing.assert_allclose(flow.fitted[0], start(x[:, 0]), atol=1e-12)
    np.testing.assert_allclose(flow(x), flow.fitted, atol=1e-7)
    assert (np.diff(flow.loss) < 0).all()
    if loss == 2:
        mse = lfp.solve(law, x, y, ts, initial=start)
        np.testing.assert_array_equal(flow.fitted, mse.fitted)
        np.testing.assert_array_equal(flow.loss, mse.loss)
    else:
        assert flow.status.solver == "ode"
        rate = flow.effective_rate([0.5])
        step = 1e-4
        around = [
            np.log(abs(lfp.solve(law, x, y, ts * f, loss=loss, initial=start).spectrum([0.5])
                       - lfp.nudft(x, y, [0.5])))[1]
            for f in (1 + step, 1 - step)
        ]  # fmt: skip
        np.testing.assert_allclose(rate[1], -(around[0] - around[1]) / (2 * step), rtol=1e-3)
    with pytest.raises(ValueError, match=r"loss must be .mse. with space=.*got 3"):
        lfp.solve(law, x, y, ts, loss=3, space=LATTICE)
    with pytest.raises(ValueError, match="loss must be 'mse' for a law with unpenalised functions"):
        lfp.solve(lfp.PowerLaw(4.0), x, y, ts, loss=3)
    in_plane = np.column_stack([x, x**2])  # where this law has a kernel, which it has not in d = 1
    with pytest.raises(ValueError, match="loss must be 'mse' for a law with unpenalised functions"):
        lfp.solve(lfp.PowerLaw(5.5), in_plane, y, ts, loss=3)


def test_spectrum_includes_the_initial_output():
    x, y = problem(30)
    for space in ("samples", LATTICE):
        flow = lfp.solve(lfp.TwoLayer(), x, y, [0.0, 1.0], space=space, initial=start)
        np.testing.assert_allclose(
            flow.spectrum([0.7]), lfp.nudft(x, flow.fitted.T, [0.7]).T, atol=1e-12
        )
