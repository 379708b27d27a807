"""The three differences between the LFP flow and a trained network."""

import jax
import numpy as np
import pytest

import lfp
import nets
from compare import budget

X = np.linspace(-1, 1, 12)
Y = np.sin(4 * X) + 0.3 * X


def flows(sigma_b: float, width: int, lazy_scale: float):
    """Outputs of LFP, NTK, linearised and trained network, on one time axis."""
    law = lfp.TwoLayer(activation="relu", sigma_a=1.0, sigma_w=1.0, sigma_b=sigma_b)
    ts = lfp.times(law.ntk, X, decades=3, points=8)
    net = nets.two_layer(jax.random.key(1), dim=1, width=width, sigma_b=sigma_b)
    net = nets.antisymmetric(net)
    linearized = nets.linearized_flow(net, X, Y, ts)
    trained = nets.gradient_flow(net, X, Y, ts, lazy_scale=lazy_scale, rtol=1e-3)
    theory = [lfp.solve(kernel, X, Y, ts).fitted for kernel in (law, law.ntk)]
    return [*theory, np.asarray(linearized.fitted), np.asarray(trained.fitted)]


@pytest.fixture(scope="module")
def chain():
    return np.random.default_rng(0).normal(size=(4, 8, 12))


def test_parts_are_the_distances_of_neighbours_and_obey_the_triangle_inequality(chain):
    found = budget.of_outputs(*chain, target=Y)
    scale = np.linalg.norm(Y)
    for name, first, second in (
        ("sigma_b", 0, 1),
        ("width", 1, 2),
        ("drift", 2, 3),
        ("total", 0, 3),
    ):
        expected = np.linalg.norm(chain[first] - chain[second], axis=1) / scale
        np.testing.assert_allclose(getattr(found, name), expected, rtol=1e-12)
    assert (found.total <= (found.sigma_b + found.width + found.drift) * (1 + 1e-12)).all()


@pytest.mark.slow
def test_each_knob_turns_its_own_part():
    base = budget.of_outputs(*flows(5.0, 64, 1.0), target=Y)
    theory = budget.of_outputs(*flows(20.0, 64, 1.0), target=Y)
    assert theory.sigma_b.max() < 0.1 * base.sigma_b.max()
    lazy = budget.of_outputs(*flows(5.0, 64, 100.0), target=Y)
    np.testing.assert_allclose(lazy.sigma_b, base.sigma_b)
    np.testing.assert_allclose(lazy.width, base.width)
    assert lazy.drift.max() < 0.1 * base.drift.max()


def test_theory_meets_every_seed(chain):
    lfp_flow, ntk, linearized, network = chain
    seeds = [np.stack([linearized, network]), np.stack([network, network])]
    found = budget.of_outputs(lfp_flow, ntk, *seeds, target=Y)
    assert found.width.shape == found.total.shape == (2, 8)
    np.testing.assert_array_equal(found.drift[1], 0)
    assert found.sigma_b.shape == (8,)


def test_delays_of_times_add_up():
    random = np.random.default_rng(0)
    first, second = random.uniform(1, 9, size=(2, 5))
    third, fourth = random.uniform(1, 9, size=(2, 3, 5))
    fourth[1, 2] = np.nan
    found = budget.of_times(first, second, third, fourth)
    np.testing.assert_allclose(found.sigma_b, np.log(second / first))
    np.testing.assert_allclose(found.total, found.sigma_b + found.width + found.drift, atol=1e-14)
    np.testing.assert_allclose(np.exp(found.total), fourth / first)
    assert np.isnan(found.total[1, 2])
    assert np.isnan(found.total).sum() == 1


@pytest.mark.parametrize(
    ("times", "error", "message"),
    [
        (([1.0], [0.0], [1.0], [1.0]), ValueError, "ntk must be positive"),
        (([np.inf], [np.inf], [1.0], [1.0]), ValueError, "lfp must be .* finite times, .* got inf"),
        (([1.0], [1.0], [1.0], [-np.inf]), ValueError, "network must be .* got -inf"),
        (([1.0, 2.0], [1.0], [1.0], [1.0]), ValueError, "same F"),
        ((1.0, [1.0], [1.0], [1.0]), ValueError, "lfp must have shape"),
        (([1.0], [1.0], [1.0], [1j]), TypeError, "network must hold real"),
    ],
)
def test_bad_times_are_named(times, error, message):
    with pytest.raises(error, match=message):
        budget.of_times(*times)
