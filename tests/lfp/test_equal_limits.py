"""Where flows end: every solver at every limit, whatever the loss and the initial output."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lfp
from lfp.losses import Loss

DATA = {  # positions, values, points in between
    1: (
        np.array([-1.0, -0.6, -0.1, 0.35, 0.7, 1.0]),
        np.array([1.0, -1.0, 0.5, 0.2, -0.7, 0.9]),
        np.linspace(-1, 1, 41),
    ),
    2: (
        np.array([[-0.7, -0.6], [0.6, -0.5], [0.0, 0.1], [-0.5, 0.7], [0.7, 0.6]]),
        np.array([1.0, -1.0, 0.5, 0.2, -0.7]),
        np.random.default_rng(0).uniform(-0.7, 0.7, (40, 2)),
    ),
}
LAWS = {
    "relu": lfp.TwoLayer(),
    "simplified": lfp.Simplified(r2=1.0, w2=0.7, r2w2=0.5, scale=30.0),
    "power": lfp.PowerLaw(alpha=4.0),
}
SPACES = {
    ("samples", 1): "samples",
    ("samples", 2): "samples",
    ("torus", 1): lfp.Lattice(4.0, 12, "torus"),
    ("torus", 2): lfp.Lattice(4.0, 2, "torus"),
    ("free constant", 1): lfp.Lattice(4.0, 12, "torus", "free"),
    ("free", 1): lfp.Lattice(24.0, 34),
    ("free", 2): lfp.Lattice(24.0, 34),
}
FLOWS = ("dense", "krylov", "ode")
LIMITS = [  # space, dimension, solver of `interpolate`: one line for each way to the limit
    ("samples", 1, "dense"),
    ("samples", 1, "banded"),
    ("samples", 1, "iterative"),
    ("samples", 2, "dense"),
    ("samples", 2, "iterative"),
    ("torus", 1, "dense"),
    ("torus", 1, "iterative"),
    ("torus", 2, "dense"),
    ("free constant", 1, "dense"),
    ("free", 1, "dense"),
    ("free", 1, "iterative"),
    ("free", 2, "dense"),
]
PAIRS = [
    pytest.param(
        *(law, space, dim, flow, solver),
        id=f"{law}-{space}-{dim}-{flow}-{solver}",
        marks=[pytest.mark.slow] if (space, flow) == ("free", "ode") else [],
    )
    for law in LAWS
    for space, dim, solver in LIMITS
    for flow in FLOWS
    if (space, dim, flow) != ("free", 2, "ode")  # 14,283 unknowns
]


@functools.cache
def late_outputs(law, space, dim, solver):
    """Outputs between the samples at the end of a flow, when e^-40 of the slowest mode is left."""
    x, y, between = DATA[dim]
    kernel, where = LAWS[law], SPACES[space, dim]
    start = lfp.solve(kernel, x, y, [0.0], space=where, solver="dense")
    last = 40 / start.status.lambda_min
    # an integrator's steps are wrong by what is still to learn: nothing in the end
    rtol = 1e-2 if solver == "ode" else 1e-8
    flow = lfp.solve(kernel, x, y, [last], space=where, solver=solver, rtol=rtol)
    assert (flow.status.solver, flow.status.lattice is None) == (solver, where == "samples")
    return flow(between)[0]


@pytest.mark.parametrize(("law", "space", "dim", "flow", "solver"), PAIRS)
def test_every_flow_ends_at_every_limit(law, space, dim, flow, solver):
    x, y, between = DATA[dim]
    limit = lfp.interpolate(LAWS[law], x, y, space=SPACES[space, dim], solver=solver)
    assert limit.status.solver == solver
    np.testing.assert_allclose(limit(x), y, atol=1e-8)
    late = late_outputs(law, space, dim, flow)
    np.testing.assert_allclose(late, limit(between), atol=1e-6 if flow == "ode" else 1e-8)


@pytest.mark.parametrize("law", ["relu", "simplified"])
def test_the_limit_of_a_free_lattice_tends_to_that_of_the_samples(law):
    x, y, between = DATA[1]
    late, cutoffs = late_outputs(law, "samples", 1, "dense"), [400, 1600, 6400]
    errors = [
        np.abs(lfp.interpolate(LAWS[law], x, y, space=lfp.Lattice(6.0, n))(between) - late).max()
        for n in cutoffs
    ]
    # as the tail of the kernel, the sum of |k|^-2 beyond the cutoff
    assert np.polyfit(np.log(cutoffs), np.log(errors), 1)[0] == pytest.approx(-1.0, abs=0.05)
    assert errors[-1] < 1e-3


def wave(x):
    return 2 * np.cos(3 * x)


LAW = lfp.TwoLayer(sigma_b=5.0)
CAUCHY = Loss(lambda r: np.log1p(r**2 / 2), lambda r: r / (1 + r**2 / 2))
SMOOTH = ["mse", "logistic", "huber", CAUCHY]  # l''(0) = 1
NAMES = ["mse", "logistic", "huber", "cauchy"]


def slowest(kernel, x):
    return np.linalg.eigvalsh(kernel(x, x) / len(x))[0]


def end(loss, x, y, initial, between):
    """The limit of a flow, from late outputs alone."""
    if loss in SMOOTH:
        flow = lfp.solve(LAW, x, y, [40 / slowest(LAW.kernel, x)], loss=loss, initial=initial)
        return flow(between)[0]
    # t^(-1/(p-2)) is left, which two times give away
    ts = np.array([1e9, 4e9]) / slowest(LAW.kernel, x)
    left = 4 ** (-1 / (loss - 2))
    early, late = lfp.solve(LAW, x, y, ts, loss=loss, initial=initial)(between)
    return (late - left * early) / (1 - left)


@functools.cache
def end_of_data(loss, initial):
    x, y, between = DATA[1]
    return end(loss, x, y, initial, between)


@pytest.mark.parametrize("initial", [None, wave], ids=["zero", "wave"])
@pytest.mark.parametrize("loss", [*SMOOTH, 3, 4], ids=[*NAMES, "3", "4"])
def test_every_loss_ends_at_the_interpolant(loss, initial):
    x, y, between = DATA[1]
    limit = lfp.interpolate(LAW, x, y, initial=initial)
    np.testing.assert_allclose(end_of_data(loss, initial), limit(between), atol=1e-7)


@pytest.mark.parametrize("loss", [*SMOOTH, 4], ids=[*NAMES, "4"])
def test_what_the_initial_output_leaves_does_not_depend_on_the_loss(loss):
    x, _, between = DATA[1]
    left = end_of_data(loss, wave) - end_of_data(loss, None)
    # h_ini less its own interpolant, whatever the data
    expected = wave(between) - lfp.interpolate(LAW, x, wave(x))(between)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(left, expected, atol=1e-7)


@pytest.mark.parametrize("loss", SMOOTH, ids=NAMES)
def test_losses_of_equal_curvature_approach_at_the_rate_of_the_slowest_mode(loss):
    x, y, between = DATA[1]
    rate = slowest(LAW.kernel, x)
    flow = lfp.solve(LAW, x, y, np.array([9.0, 11.0]) / rate, loss=loss, rtol=1e-11)
    first, second = np.abs(flow(between) - lfp.interpolate(LAW, x, y)(between)).max(axis=1)
    assert np.log(first / second) / 2 == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("p", [3, 4])
@pytest.mark.parametrize("initial", [None, wave], ids=["zero", "wave"])
def test_powers_approach_algebraically(p, initial):
    x, y, between = DATA[1]
    ts = np.logspace(3, 5, 5) ** (p - 2) / slowest(LAW.kernel, x)
    flow = lfp.solve(LAW, x, y, ts, loss=p, initial=initial, rtol=1e-9)
    limit = lfp.interpolate(LAW, x, y, initial=initial)
    error = np.abs(flow(between) - limit(between)).max(axis=1)
    slopes = np.diff(np.log(error)) / np.diff(np.log(ts))
    np.testing.assert_allclose(slopes, -1 / (p - 2), rtol=0.01)


def test_losses_share_the_limit_of_the_exact_kernel_in_the_plane():
    x, y, between = DATA[2]
    kernel = lfp.TwoLayer(sigma_b=3.0).ntk
    limit = lfp.interpolate(kernel, x, y)(between)
    for loss in SMOOTH:
        late = lfp.solve(kernel, x, y, [40 / slowest(kernel, x)], loss=loss)(between)[0]
        np.testing.assert_allclose(late, limit, atol=1e-7)


@settings(deadline=None, max_examples=5)
@given(st.sampled_from(SMOOTH), st.floats(-3, 3), st.integers(0, 99))
def test_any_values_and_any_initial_output_end_at_the_interpolant(loss, size, seed):
    x, _, between = DATA[1]
    y = np.random.default_rng(seed).normal(size=len(x))

    def initial(x):
        return size * np.sin(4 * x + seed)

    limit = lfp.interpolate(LAW, x, y, initial=initial)
    late = end(loss, x, y, initial, between)
    np.testing.assert_allclose(late, limit(between), atol=1e-7 * (1 + abs(size)))
