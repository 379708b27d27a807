"""Every step of every proof, for random networks, losses and weights, and for theory's flows.

Networks have two layers and are written out in NumPy, with the Jacobian by hand.
"""

from itertools import pairwise

import jax
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import lfp
import nets
from compare import stages
from compare.stages.rates import flow_of, rates_of
from compare.stages.setting import setting_of

ACTIVATIONS = {
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "relu": (lambda z: np.maximum(z, 0), lambda z: np.where(z > 0, 1.0, 0.0)),
    "gauss": (lambda z: np.exp(-(z**2) / 2), lambda z: -z * np.exp(-(z**2) / 2)),
    "sin": (np.sin, np.cos),
}
SLOPES = {"mse": lambda r: r, 3: lambda r: r * np.abs(r), 4: lambda r: r**3, "logistic": np.tanh}
ROUNDING = 1 + 1e-12


def assert_chain_holds(chain, *, but=()):
    for (name, step), (following, larger) in pairwise(chain.items()):
        if following not in but:
            assert (step <= larger * ROUNDING).all(), (name, following)


def assert_pointwise_steps_hold(found):
    for bound in (found.initial, found.final, found.initial_output, found.final_output):
        assert_chain_holds(bound.chain)
        for form in (bound.bound, bound.bracket_bound, bound.scaled_bound):
            assert (bound.ratio[:, None] <= form * ROUNDING).all()
    low = [(found.low_output_ratio, found.initial_output), (found.low_output_ratio, found.final)]
    if found.dissipation is not None:
        low = [(found.low_loss_ratio, found.initial), (found.low_loss_ratio, found.final)]
        # subtracting cancels: rounding is that of what cancels, not of the difference
        size = 1e-12 * found.initial.chain["gradients"][:, :, :1]
        assert (found.dissipation.rate[:, None] <= found.dissipation.bound + size).all()
    for ratio, bound in low:
        size = 1e-12 * (1 + found.final.chain["gradients"][:, :, :1])
        assert (ratio[:, None] >= 1 - bound.bound - size).all()


def assert_integral_steps_hold(over):
    """The steps between sums up to rounding, those between a sum and a change up to its error."""
    if len(over.windows) == 0:
        return
    lost = 1 + over.loss_error[:, None, None]
    # |dL_eta^-/dt| + |dL_eta^+/dt| is at least |dL/dt|, up to what the integrals miss
    missed = over.error + over.low_error
    assert ((over.ratio + over.low_ratio + missed) * ROUNDING >= 1).all()
    whole = np.concatenate([over.bound, over.scaled_bound, over.uniform.bound], axis=1)
    assert ((over.low_ratio[:, None] + whole + missed[:, None]) * ROUNDING >= 1).all()
    fell = over.uniform_decrease
    assert (fell.ratio <= (fell.chain["rates"][:, 0] + over.decrease_error) * ROUNDING).all()
    statements = ((over, "span", 0.5), (over.uniform, "final", 1), (fell, "final", 1))
    for bound, before, power in statements:
        assert_chain_holds(bound.chain, but=("rates", "fall"))
        assert (bound.chain[before] <= bound.chain["fall"] * lost**power * ROUNDING).all()
        for form in (bound.bound, bound.scaled_bound):
            known = form * lost + over.decrease_error[:, None] if bound is fell else form
            assert (bound.ratio[:, None] <= known).all()
    within = np.isfinite(over.decrease.constant).all(axis=1)
    chain = {name: step[within] for name, step in over.decrease.chain.items()}
    assert_chain_holds(chain, but=("rates", "fall"))
    if within.any():
        error = over.decrease_error[within][:, None]
        assert (chain["ratio"] <= (chain["rates"] + error) * ROUNDING).all()
        assert (chain["cauchy_schwarz"] <= chain["fall"] * lost[within] ** 0.5 * ROUNDING).all()
        assert (over.decrease.ratio[within][:, None] <= over.decrease.bound[within]).all()


def network(theta, x, activation):
    """Outputs `(n,)` and Jacobian `(n, 3 width)`."""
    value, slope = ACTIVATIONS[activation]
    a, w, b = theta.reshape(3, -1)
    z = np.outer(x, w) + b
    s = a * slope(z)
    scale = np.sqrt(len(a))
    return value(z) @ a / scale, np.hstack([value(z), s * x[:, None], s]) / scale


def assume_moving(jacobians, pulls):
    """Leave out a network whose gradient is zero up to rounding: every neuron saturated."""
    gradients = np.einsum("tnp,tn->tp", jacobians, pulls)
    sizes = (jacobians**2).sum(axis=(1, 2)) * (pulls**2).sum(axis=1)
    assume(((gradients**2).sum(axis=1) > 1e-13 * sizes).all())


def draw_problem(seed):
    """A grid, data, weights or none of them, and parameters."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(6, 20))
    length = 10 ** rng.uniform(-0.3, 0.7)
    x = length * (np.arange(n) / n - 0.5) + rng.normal()
    y = np.sin(rng.uniform(1, 8) * x / length + rng.uniform(0, 6)) + rng.normal() * x / length
    chi = stages.bump(x, flat=rng.uniform(0, 0.8)) if rng.random() < 0.5 else np.ones(n)
    rho = rng.uniform(0.1, 2, n) if rng.random() < 0.5 else np.ones(n)
    theta = rng.normal(size=3 * int(rng.integers(3, 25))) * 10 ** rng.uniform(-0.5, 0.7)
    return x, y, chi, rho / rho.mean(), theta


def check_network_along_its_flow(seed, loss, activation):
    """Runge-Kutta steps of a third of the fastest time; every other one is recorded."""
    x, y, chi, rho, theta = draw_problem(seed)

    def velocity(theta):
        h, jacobian = network(theta, x, activation)
        return -jacobian.T @ (chi * rho * SLOPES[loss](chi * (h - y))) / len(x)

    time, ts, along = 0.0, [], []
    for step in range(240):
        h, jacobian = network(theta, x, activation)
        if step % 2 == 0:
            ts.append(time)
            along.append((h, jacobian))
        largest = np.abs(chi * (h - y)).max()
        curvature = {"mse": 1.0, "logistic": 1.0, 3: 2 * largest, 4: 3 * largest**2}[loss]
        rate = np.linalg.norm(jacobian, 2) ** 2 / len(x) * curvature * rho.max()
        dt = 0.3 / rate
        k1 = velocity(theta)
        k2 = velocity(theta + dt / 2 * k1)
        k3 = velocity(theta + dt / 2 * k2)
        k4 = velocity(theta + dt * k3)
        theta = theta + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        time += dt
    outputs, jacobians = (np.stack(part) for part in zip(*along, strict=True))
    assume_moving(jacobians, chi * rho * SLOPES[loss](chi * (outputs - y)))
    kernel = jacobians @ jacobians.swapaxes(1, 2)
    found = stages.measure(x, y, outputs, kernel, ts, loss=loss, chi=chi, rho=rho)
    assert_pointwise_steps_hold(found)
    assert_integral_steps_hold(found.intermediate)
    return found


def check_network_anywhere(seed, loss, activation):
    """Times and parameters that have nothing to do with each other, as after steps of Adam."""
    x, y, chi, rho, theta = draw_problem(seed)
    rng = np.random.default_rng(seed + 1)
    parameters = [theta * rng.uniform(0.3, 3) + rng.normal(size=theta.size) for _ in range(6)]
    along = [network(one, x, activation) for one in parameters]
    outputs, jacobians = (np.stack(part) for part in zip(*along, strict=True))
    assume_moving(jacobians, chi * rho * SLOPES[loss](chi * (outputs - y)))
    kernel = jacobians @ jacobians.swapaxes(1, 2)
    found = stages.measure(
        x, y, outputs, kernel, np.zeros(6), loss=loss, chi=chi, rho=rho, m=(0.5, 1, 3, 6)
    )
    assert_pointwise_steps_hold(found)


def check_theory(seed, loss, kind):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 20))
    x = 2 * np.arange(n) / n - 1
    y = np.sin(rng.uniform(1, 9) * x) + rng.normal() * x
    law = lfp.TwoLayer(
        activation="relu", sigma_a=rng.uniform(0.5, 2), sigma_b=10 ** rng.uniform(0.5, 1.2)
    )
    of_flow = law if kind == "lfp" else law.ntk
    ts = lfp.times(of_flow, x, decades=rng.uniform(2, 7), points=200)
    outputs = np.asarray(lfp.solve(of_flow, x, y, ts, loss=loss).fitted)
    kernel = law.kernel(x, x) if kind == "lfp" else law.ntk(x, x)
    found = stages.measure(x, y, outputs, kernel, ts, loss=loss)
    assert_pointwise_steps_hold(found)
    assert_integral_steps_hold(found.intermediate)
    return found


SEEDS = st.integers(0, 2**32 - 1)
NETWORKS = {
    "seed": SEEDS,
    "loss": st.sampled_from(sorted(SLOPES, key=str)),
    "activation": st.sampled_from(sorted(ACTIVATIONS)),
}
THEORY = {
    "seed": SEEDS,
    "loss": st.sampled_from(["mse", 4]),
    "kind": st.sampled_from(["lfp", "ntk"]),
}


@pytest.mark.filterwarnings("ignore:the loss falls")  # with other weights
@pytest.mark.parametrize("loss", [pytest.param("mse", marks=pytest.mark.slow), 4])
def test_every_step_holds_for_a_network_trained_with_the_cut_off_and_the_density(loss):
    n = 12
    x = -1 + 2 * np.arange(n) / n
    y = np.sin(4 * x) + x
    chi, rho = stages.bump(x), np.random.default_rng(0).uniform(0.2, 2, n)
    rho /= rho.mean()
    net = nets.two_layer(jax.random.key(0), width=20, activation="tanh", sigma_b=2.0)
    ts = np.geomspace(1e-3, 300, 150)
    run = nets.gradient_flow(
        net, x, y, ts, loss=nets.Weighted(loss, rho=rho, chi=chi), record="networks"
    )
    kernel = run.kernels(x)
    weights = {"chi": chi, "rho": rho}
    found = stages.measure(x, y, run.fitted, kernel, ts, loss=loss, **weights)
    assert_pointwise_steps_hold(found)
    assert_integral_steps_hold(found.intermediate)
    over = found.intermediate
    assert len(over.windows) >= 2
    assert over.loss_error.max() < 0.01  # the fall of L~ is the integral of its rate
    for name in weights:  # this is no flow of other weights
        other = {**weights, name: None}
        lost = stages.measure(x, y, run.fitted, kernel, ts, loss=loss, **other).intermediate
        assert lost.loss_error.max() > 5 * over.loss_error.max()


@pytest.mark.filterwarnings("ignore:the loss falls")  # stiff starts, between two recordings
@settings(deadline=None, max_examples=20)
@given(**NETWORKS)
def test_every_step_holds_for_networks_along_their_flow(seed, loss, activation):
    check_network_along_its_flow(seed, loss, activation)


@settings(deadline=None, max_examples=50)
@given(**NETWORKS)
def test_every_pointwise_step_holds_for_networks_anywhere(seed, loss, activation):
    check_network_anywhere(seed, loss, activation)


@pytest.mark.filterwarnings("ignore:the loss falls")
@settings(deadline=None, max_examples=15)
@given(**THEORY)
def test_every_step_holds_for_theory(seed, loss, kind):
    check_theory(seed, loss, kind)


@pytest.mark.parametrize("loss", SLOPES)
def test_every_pointwise_step_holds_where_gradients_are_rounding(loss):
    n = 256
    x = 3 * np.arange(n) / n - 1.5
    theta = np.random.default_rng(0).normal(size=60)
    h, jacobian = network(theta, x, "tanh")
    kernel = jacobian @ jacobian.T
    chi = stages.bump(x)
    found = stages.measure(x, np.sin(2 * x), [h, 1 + h], kernel, [0, 0], loss=loss, chi=chi)
    assert found.initial.chain["gradients"].min() < 1e-8
    assert_pointwise_steps_hold(found)
    setting = setting_of(
        x, np.sin(2 * x), [h], kernel, [0], loss=loss, chi=chi, rho=None, period=None
    )
    velocity, slope = flow_of(setting)
    rates = rates_of(setting, velocity, slope, np.ones(n))
    # |grad q_k| <= 2 |u^_k| |grad h^_k| and |dq_k/dt| <= |grad q_k| |grad L~|, each k by itself
    assert (rates.gradient <= 2 * np.sqrt(rates.power * rates.sensitivity) * ROUNDING).all()
    assert (np.abs(rates.rate) <= rates.gradient * slope[:, None] * ROUNDING).all()


@pytest.mark.filterwarnings("ignore:the loss falls")  # these outputs follow no flow
def test_a_loss_that_rises_in_between_has_no_corollary_2_but_all_else():
    x, y, *_, theta = draw_problem(0)
    h, jacobian = network(theta, x, "tanh")
    shares = np.array([1.0, 1.3, 3.0, 0.4, 0.2])
    outputs = y + shares[:, None] * (h - y)
    kernel = jacobian @ jacobian.T
    over = stages.measure(x, y, outputs, kernel, np.arange(5.0), loss=4).intermediate
    assert len(over.windows) == 2
    assert np.isnan(over.decrease.bound[0]).all()
    assert np.isnan(over.decrease.ratio[0]).all()
    assert np.isfinite(over.bound).all()
    for bound, last in ((over, "span"), (over.uniform, "final")):
        names = list(bound.chain)
        known = names[: names.index(last) + 1]
        assert_chain_holds({name: bound.chain[name] for name in known})


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the loss falls")
@settings(deadline=None, max_examples=250)
@given(**NETWORKS)
def test_every_step_holds_for_many_networks_along_their_flow(seed, loss, activation):
    check_network_along_its_flow(seed, loss, activation)


@pytest.mark.slow
@settings(deadline=None, max_examples=500)
@given(**NETWORKS)
def test_every_pointwise_step_holds_for_many_networks_anywhere(seed, loss, activation):
    check_network_anywhere(seed, loss, activation)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:the loss falls")
@settings(deadline=None, max_examples=250)
@given(**THEORY)
def test_every_step_holds_for_much_theory(seed, loss, kind):
    check_theory(seed, loss, kind)
