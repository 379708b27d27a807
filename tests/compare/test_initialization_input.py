"""What compare.initialization refuses, and in which words."""

import jax
import numpy as np
import pytest

import lfp
import nets
from compare import initialization

LAW = lfp.TwoLayer(sigma_b=10.0)
X, Y, POINTS, VALUES = np.array([-0.5, 0.1, 0.7]), np.arange(3.0), np.zeros(2), np.ones(2)
NET = nets.two_layer(jax.random.key(0), width=8)
KEYS = jax.random.split(jax.random.key(0), 2)
COVARIANCE = initialization.covariance_of(LAW)


def decompose(**changed):
    given = {"kernel": LAW, "x": X, "y": Y, "initial": np.sin, "points": POINTS} | changed
    return initialization.decompose(**given)


def additional(**changed):
    given = {"kernel": LAW, "covariance": COVARIANCE, "x": X, "points": POINTS} | changed
    return initialization.additional_error(**given)


def expected(**changed):
    given = {"kernel": LAW, "covariance": COVARIANCE, "x": X, "y": Y, "points": POINTS}
    return initialization.expected_error(**(given | {"values": VALUES} | changed))


def seeds(**changed):
    given = {"kernel": LAW, "initials": [np.sin, np.cos], "x": X, "y": Y, "points": POINTS}
    return initialization.error_over_seeds(**(given | {"values": VALUES} | changed))


def flow_ends(**changed):
    given = {"kernel": LAW, "x": X, "y": Y, "points": POINTS, "ts": [1.0]} | changed
    return initialization.ends_of_flow(**given)


def network_ends(**changed):
    given = {"net": NET, "x": X, "y": Y, "points": POINTS, "ts": [1.0], "trained": False}
    return initialization.ends_of_network(**(given | changed))


def schemes(**changed):
    given = {
        "make": lambda key: nets.two_layer(key, width=8),
        "keys": KEYS,
        "x": X,
        "y": Y,
        "points": POINTS,
        "values": VALUES,
        "ts": [1.0, 2.0],
        "trained": False,
    }
    return initialization.over_initializations(**(given | changed))


EVERYWHERE = (decompose, expected, seeds, flow_ends, network_ends, schemes)


@pytest.mark.parametrize("call", EVERYWHERE)
def test_several_outputs_are_refused(call):
    with pytest.raises(ValueError, match=r"y must have shape \(n,\), values of one output"):
        call(y=np.ones((3, 2)))


@pytest.mark.parametrize("call", EVERYWHERE)
def test_data_of_different_lengths_are_refused(call):
    with pytest.raises(ValueError, match="x and y must have the same length"):
        call(y=np.ones(4))


@pytest.mark.parametrize("call", [*EVERYWHERE, additional])
def test_points_of_another_dimension_are_refused(call):
    with pytest.raises(ValueError, match="points and x must have the same dimension, got 2 and 1"):
        call(points=np.ones((2, 2)))


@pytest.mark.parametrize("call", [expected, seeds, schemes])
def test_values_of_another_length_than_the_points_are_refused(call):
    with pytest.raises(ValueError, match=r"values must have shape \(2,\) like points, got \(3,\)"):
        call(values=np.ones(3))


@pytest.mark.parametrize("call", [decompose, additional, expected, seeds])
@pytest.mark.parametrize(
    ("ts", "error", "words"),
    [
        ([1j], TypeError, "ts must hold real numbers"),
        ([], ValueError, r"ts must have shape \(T,\) with at least one time"),
        (1.0, ValueError, r"ts must have shape \(T,\)"),
        ([np.nan], ValueError, "ts must be zero or later, np.inf for the limit, got nan"),
        ([-1.0], ValueError, "ts must be zero or later, np.inf for the limit, got -1.0"),
        ([np.inf, 1.0], ValueError, "ts must be sorted, got inf before 1.0 at index 0"),
    ],
)
def test_times_that_are_none_are_refused(call, ts, error, words):
    with pytest.raises(error, match=words):
        call(ts=ts)


@pytest.mark.parametrize("call", [flow_ends, network_ends, schemes])
def test_flows_without_a_limit_refuse_infinite_times(call):
    with pytest.raises(ValueError, match="ts must be finite"):
        call(ts=[1.0, np.inf])


def test_initial_outputs_are_functions_of_x():
    with pytest.raises(TypeError, match="initial must be a function of x, got None"):
        decompose(initial=None)
    with pytest.raises(ValueError, match=r"initial\(x\) must have shape \(3,\)"):
        decompose(initial=lambda x: np.ones(5))
    with pytest.raises(TypeError, match=r"initials must be a sequence of functions of x"):
        seeds(initials=np.sin)
    with pytest.raises(ValueError, match="initials must be at least 2 functions, got 1"):
        seeds(initials=[np.sin])
    with pytest.raises(TypeError, match=r"initials\[1\] must be a function of x, got 3"):
        seeds(initials=[np.sin, 3])
    with pytest.raises(ValueError, match="level must be between 0 and 1"):
        seeds(level=1.5)


def test_covariances_are_matrices_of_no_negative_variance():
    with pytest.raises(TypeError, match=r"covariance must be a function of x1 and x2, got 1\.0"):
        additional(covariance=1.0)
    with pytest.raises(ValueError, match=r"covariance\(x1, x2\) must have shape \(2, 2\)"):
        additional(covariance=lambda x1, x2: np.ones((1, 2)))
    with pytest.raises(ValueError, match=r"covariance\(x1, x2\) must be finite"):
        additional(covariance=lambda x1, x2: np.full((len(x1), len(x2)), np.nan))
    with pytest.raises(ValueError, match=r"covariance\(x, x\) must not be negative, got -1 at"):
        additional(covariance=lambda x1, x2: -np.ones((len(x1), len(x2))))


def test_a_covariance_needs_a_law_with_independent_weights():
    with pytest.raises(TypeError, match=r"law must be a lfp\.TwoLayer"):
        initialization.covariance_of(lfp.PowerLaw(alpha=2.0))
    drawn = lfp.TwoLayer(weights=lfp.Samples(a=[1.0, 2.0], w=[0.5, 1.0]))
    with pytest.raises(ValueError, match="law must have weights of a named distribution"):
        initialization.covariance_of(drawn)


@pytest.mark.parametrize("call", [flow_ends, network_ends])
def test_losses_are_several(call):
    with pytest.raises(TypeError, match="losses must be a sequence of losses, got 'mse'"):
        call(losses="mse")
    with pytest.raises(ValueError, match="losses must hold at least one loss"):
        call(losses=())


def test_nothing_but_zeros_cannot_be_learned_from_zero():
    with pytest.raises(ValueError, match="y must not be zero everywhere: there is nothing"):
        flow_ends(y=np.zeros(3))


def test_zeros_are_refused_before_any_network_is_made():
    def never(key):
        raise AssertionError

    with pytest.raises(ValueError, match="y must not be zero everywhere"):
        schemes(y=np.zeros(3), make=never)


@pytest.mark.parametrize("rounding", [1.0, 1 + 1e-15])
def test_data_that_the_initial_output_has_already_are_refused(rounding):
    with pytest.raises(ValueError, match="y must differ from the outputs of initial at x: there"):
        flow_ends(y=rounding * np.sin(X), initial=np.sin)
    with pytest.raises(ValueError, match="y must differ from the outputs of net at x: there"):
        network_ends(y=rounding * np.asarray(NET(X)))
    assert flow_ends(y=(1 + 1e-10) * np.sin(X), initial=np.sin).residual.shape == (4, 1)


def test_points_at_which_nothing_is_learned_are_refused():
    # an odd flow is zero at zero, up to rounding
    odd = {"x": np.array([-0.5, 0.5]), "y": np.array([-1.0, 1.0]), "points": [0.0]}
    with pytest.raises(ValueError, match="points must include places where something is learned"):
        flow_ends(**odd)
    assert flow_ends(**(odd | {"points": [0.0, 0.1]})).distance.max() < 2


def test_points_must_show_a_network_learn_too():
    start = np.asarray(NET(X))
    with pytest.raises(ValueError, match="points must include places where something is learned"):
        network_ends(y=start + np.eye(3)[1], points=X[:1])


@pytest.mark.parametrize("call", [network_ends, schemes])
def test_lazy_scales_are_positive(call):
    with pytest.raises(ValueError, match="lazy_scale must be positive and finite, got 0"):
        call(lazy_scale=0)


def test_networks_with_a_singular_tangent_kernel_have_no_least_movement():
    with pytest.raises(ValueError, match="numerically singular"):
        network_ends(x=np.array([0.1, 0.1, 0.3]))


def test_over_initializations_takes_at_least_two_seeds_and_two_times():
    with pytest.raises(ValueError, match="keys must be at least 2 random keys, got 1"):
        schemes(keys=KEYS[:1])
    with pytest.raises(ValueError, match=r"keys must be several random keys, .* a single one"):
        schemes(keys=KEYS[0])
    with pytest.raises(TypeError, match="keys must be random keys"):
        schemes(keys=7)
    with pytest.raises(TypeError, match="make must be a function key -> network, got 3"):
        schemes(make=3)
    with pytest.raises(ValueError, match="ts must be at least 2 times, got 1"):
        schemes(ts=[1.0])
    with pytest.raises(ValueError, match="level must be between 0 and 1, got 0"):
        schemes(level=0)
