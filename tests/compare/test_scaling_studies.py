"""Studies of scaling laws: exact laws on tori, splines, and the intervals that hold the theory."""

import numpy as np
import pytest

import lfp
from compare.scaling import in_density, in_frequency, in_samples, in_sigma_b, in_width

# one of the two rates dominates by far
OUTER = {"sigma_a": 1e-3, "sigma_w": 1.0, "sigma_b": 10.0}
INNER = {"sigma_a": 100.0, "sigma_w": 1.0, "sigma_b": 1000.0}
X = np.linspace(-1, 1, 8)
Y = np.sin(3 * X) + 0.3 * np.cos(9 * X)


def torus_grid(count, dim):
    axis = 2 * (np.arange(count) / count - 0.5)
    return np.stack(np.meshgrid(*[axis] * dim, indexing="ij"), axis=-1).reshape(-1, dim)


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("added", [1, 3])
@pytest.mark.parametrize("kind", ["power", "network"])
def test_half_learning_times_on_a_torus_grow_with_the_two_powers(dim, added, kind):
    law = lfp.PowerLaw(dim + added)
    if kind == "network":
        law = lfp.TwoLayer(divergence=False, **(OUTER if added == 3 else INNER))
    count = 16 if dim == 1 else 8
    xi = np.arange(1, count // 2)[:, None] / 2 * np.eye(dim)[0]
    lattice = lfp.Lattice(2.0, count // 2 - 1, "torus")
    found = in_frequency(law, torus_grid(count, dim), xi, space=lattice)
    rates = sum(law.rates(found.at, dim)) / 2**dim
    np.testing.assert_allclose(found.values, np.log(2) / rates, rtol=1e-3)
    assert found.found.exponent == pytest.approx(dim + added, abs=3e-3)
    assert found.expected == pytest.approx(dim + added, abs=3e-3)


@pytest.mark.parametrize(("rates", "power"), [(OUTER, 4), (INNER, 2)])
def test_half_learning_times_in_free_space_grow_with_the_two_powers_under_a_window(rates, power):
    # the window leaves out the ends, whose own rates bend the law of the whole line
    law, x = lfp.TwoLayer(**rates), np.linspace(-1, 1, 500)
    frequencies = 0.1 + np.arange(4, 17)
    inside, whole = (in_frequency(law, x, frequencies, width=w) for w in (0.2, None))
    assert inside.found.exponent == pytest.approx(power, abs=0.02)
    ratio = inside.values * sum(law.rates(inside.at, 1)) / 2 / np.log(2)
    np.testing.assert_allclose(ratio, 1, atol=0.07)
    assert abs(whole.found.exponent - power) > 3 * abs(inside.found.exponent - power)
    assert abs(whole.values / inside.values - 1).max() > 0.15


def exponential_density(n, ratio):
    """Quantiles of a density exp(s x) on [-1, 1] whose ends have this ratio."""
    s = np.log(ratio) / 2
    quantiles = (np.arange(n) + 0.5) / n
    return np.log(np.exp(-s) + quantiles * (np.exp(s) - np.exp(-s))) / s


@pytest.mark.parametrize("added", [1, 3])
@pytest.mark.parametrize("kind", ["power", "network"])
def test_half_learning_times_fall_as_one_over_the_density_of_the_samples(added, kind):
    law = lfp.PowerLaw(1.0 + added)
    if kind == "network":
        law = lfp.TwoLayer(divergence=False, **(OUTER if added == 3 else INNER))
    x = exponential_density(500, 6)
    centres = np.linspace(-0.6, 0.6, 6)
    slow, fast = (in_density(law, x, k, centres, width=0.15) for k in (12, 8))
    assert fast.at.max() / fast.at.min() > 2.5
    exact = np.exp(np.log(6) / 2 * centres)
    np.testing.assert_allclose(fast.at / fast.at[0], exact / exact[0], rtol=0.02)
    for found in (slow, fast):
        assert found.found.exponent == pytest.approx(-1, abs=0.03)
    # at every density the time grows with the power of the frequency
    powers = np.log(slow.values / fast.values) / np.log(12 / 8)
    np.testing.assert_allclose(powers, 1 + added, atol=0.1)


@pytest.mark.parametrize(
    ("dim", "axes", "cutoff"), [(1, [16, 32, 64, 128], 1024), (2, [6, 8, 12, 16], 64)]
)
@pytest.mark.parametrize("added", [1, 3])
def test_error_of_the_interpolant_falls_with_the_rate_at_the_spacing(dim, axes, cutoff, added):
    def wave(x):
        return np.cos(np.pi * np.reshape(x, (-1, dim))[:, 0] + 0.3)

    lattice = lfp.Lattice(2.0, cutoff, "torus", "free")
    found = in_samples(lfp.PowerLaw(dim + added), wave, axes, lattice=lattice, dim=dim)
    assert found.expected == pytest.approx(-(dim + added) / dim, rel=1e-12)
    assert found.found.exponent == pytest.approx(found.expected, rel=0.06)
    np.testing.assert_array_equal(found.at, np.array(axes) ** dim)


def test_error_of_the_interpolant_is_that_of_the_aliases():
    axes, lattice = np.array([8, 12, 16]), lfp.Lattice(2.0, 256, "torus", "free")
    found = in_samples(lfp.PowerLaw(2.0), lambda x: np.sin(np.pi * x), axes, lattice=lattice)
    for count, error in zip(axes, found.values, strict=True):
        k = np.arange(1 - 600 * count, 1 + 600 * count, count)
        k = k[np.abs(k) <= 256]
        share = k**-2.0 / np.sum(k**-2.0)
        # cos at the samples of the fine grid of four times as many points, whose aliases fold
        folded = np.array(
            [share[(k - k0) % (4 * count) == 0].sum() for k0 in 1 + count * np.arange(4)]
        )
        folded[0] -= 1
        assert error == pytest.approx(np.sqrt(np.sum(folded**2) / 2), rel=1e-9)


def test_lfp_flow_approaches_the_ntk_flow_as_the_square_of_sigma_b():
    law = lfp.TwoLayer(sigma_a=1.0, sigma_w=1.0, sigma_b=10.0)
    ts = lfp.times(law.ntk, X, decades=6, points=50)
    found = in_sigma_b(law, X, Y, ts, sigma_bs=[5, 10, 20, 40])
    assert found.expected == -2
    assert found.found.exponent == pytest.approx(-2, abs=0.05)
    # the times are proportional to sigma_b
    early = in_sigma_b(law, X, Y, ts[:15], sigma_bs=[5, 10, 20])
    twice = lfp.TwoLayer(sigma_a=1.0, sigma_w=1.0, sigma_b=20.0)
    flows = [lfp.solve(kernel, X, Y, 2 * ts[:15]).fitted for kernel in (twice, twice.ntk)]
    apart = np.linalg.norm(flows[0] - flows[1], axis=1).max() / np.linalg.norm(Y)
    assert early.values[2] == pytest.approx(apart, rel=1e-9)


def test_linearised_networks_approach_the_ntk_flow_as_the_root_of_the_width():
    law = lfp.TwoLayer(sigma_a=1.0, sigma_w=1.0, sigma_b=5.0)
    ts = lfp.times(law.ntk, X, decades=4, points=30)
    found = in_width(law, X, Y, ts, widths=[128, 1024, 8192], seeds=16)
    assert found.values.shape == (16, 3)
    assert found.found.low <= -0.5 <= found.found.high
    assert found.found.high - found.found.low < 0.2
    assert (found.found.seeds, found.expected) == (16, -0.5)


def test_bad_arguments_of_the_studies_are_refused():
    law = lfp.TwoLayer(sigma_b=10.0)
    frozen = lfp.TwoLayer(divergence=False)
    ts = [0.0, 1.0, 2.0]
    with pytest.raises(TypeError, match=r"law must be an lfp\.TwoLayer, got PowerLaw"):
        in_width(lfp.PowerLaw(2.0), X, Y, ts, widths=[4, 8, 16])
    with pytest.raises(ValueError, match=r"law must have a named activation.* divergence=True"):
        in_width(frozen, X, Y, ts, widths=[4, 8, 16])
    with pytest.raises(ValueError, match=r"widths must be whole numbers of at least 1, got \[4\.5"):
        in_width(law, X, Y, ts, widths=[4.5, 8, 16])
    with pytest.raises(ValueError, match="seeds must be at least 2, got 1"):
        in_width(law, X, Y, ts, widths=[4, 8, 16], seeds=1)
    with pytest.raises(TypeError, match=r"law must be an lfp\.TwoLayer"):
        in_sigma_b(lfp.PowerLaw(2.0), X, Y, ts, sigma_bs=[5, 10, 20])
    with pytest.raises(ValueError, match="sigma_bs must be positive and finite, got -1"):
        in_sigma_b(law, X, Y, ts, sigma_bs=[-1, 5, 10])
    with pytest.raises(ValueError, match="the kernel is indefinite"):
        in_sigma_b(law, X, Y, ts, sigma_bs=[0.05, 5, 10])
    with pytest.raises(TypeError, match="law"):
        in_frequency(law.ntk, X, [1, 2, 3])
    with pytest.raises(ValueError, match="xi must not be 0"):
        in_frequency(law, X, [0, 1, 1.5])
    with pytest.raises(ValueError, match=r"every wave must be half learned between .* got 1 of 4"):
        in_frequency(lfp.PowerLaw(4.0), np.linspace(-1, 1, 30), [0.01, 2, 3, 4])
    grid = torus_grid(4, 2)
    for frequencies in ([2, 3, 4, 7.25], [2, 14.5, 3]):
        with pytest.raises(
            ValueError, match=r"more than 2 samples a wave .* 0\.069 less than 7\.25, got (7|14)\."
        ):
            in_frequency(lfp.PowerLaw(4.0), np.linspace(-1, 1, 30), frequencies)
    with pytest.raises(ValueError, match=r"more than 2 samples a wave .* less than 1, got -1\.5"):
        in_frequency(lfp.PowerLaw(4.0), grid, [[0.5, 0], [0, 0.5], [0.5, -1.5]])
    for x, xi in (
        ([0.5], [1, 2, 3]),
        (np.stack([X, X], axis=1), [[1, 0], [2, 0], [3, 0]]),
        (np.random.default_rng(0).normal(size=(16, 4)), np.eye(4)),
        (np.random.default_rng(0).uniform(size=30), [1, 2, 3]),
    ):
        with pytest.raises(
            ValueError, match=r"x must be even, a full uniform grid .* other points"
        ):
            in_frequency(lfp.PowerLaw(3.0), x, xi)
    with pytest.raises(ValueError, match="width must be positive and finite, got 0"):
        in_frequency(law, X, [0.5, 1, 1.5], width=0)
    with pytest.raises(ValueError, match="law must have no divergence term, as"):
        in_density(law, X, 4, [0, 0.1, 0.2], width=1)
    with pytest.raises(ValueError, match=r"width must be at least one period of the wave, 0\.25"):
        in_density(frozen, X, 4, [0, 0.1, 0.2], width=0.2)
    with pytest.raises(ValueError, match=r"more than 2 samples a wave in every region, got 0\.\d+"):
        in_density(frozen, X, 4, [0, 0.1, 5], width=0.5)
    with pytest.raises(ValueError, match="x must have 1 dimension, got shape"):
        in_density(frozen, X[:, None], 4, [0, 0.1, 0.2], width=0.5)
    lattice = lfp.Lattice(2.0, 16, "torus")
    with pytest.raises(ValueError, match="law must have no divergence term"):
        in_samples(law, np.sin, [2, 4, 8], lattice=lattice)
    with pytest.raises(ValueError, match="lattice must be a torus, got Lattice"):
        in_samples(frozen, np.sin, [2, 4, 8], lattice=lfp.Lattice(2.0, 84))
    with pytest.raises(ValueError, match=r"axes must be whole numbers from 2 to .* 16, got"):
        in_samples(frozen, np.sin, [2, 4, 17], lattice=lattice)
    free, power = lfp.Lattice(2.0, 128, "torus", "free"), lfp.PowerLaw(4.0)
    for frequency in (4, 16, 64):
        with pytest.raises(
            ValueError, match=r"axes must be beyond twice .* got \d+ points an axis"
        ):
            in_samples(
                power,
                lambda x, k=frequency: np.sin(np.pi * x) + 0.1 * np.sin(2 * np.pi * k * x),
                [4, 8, 16],
                lattice=free,
            )
    with pytest.raises(ValueError, match=r"axes must be beyond twice .* got 4 points an axis"):
        # all but rounding at the samples
        in_samples(power, lambda x: np.sin(8 * np.pi * x), [4, 8, 16], lattice=free)
    with pytest.raises(
        ValueError, match=r"period of the lattice, 2, .* differ by 2 a period on .* 0"
    ):
        in_samples(power, lambda x: x, [16, 32, 64], lattice=free)
    with pytest.raises(ValueError, match=r"target must have the period .* along axis 1"):
        in_samples(
            lfp.PowerLaw(5.0),
            lambda x: np.sin(np.pi * x[:, 0]) + np.sin(x[:, 1]),
            [4, 6, 8],
            lattice=lfp.Lattice(2.0, 8, "torus", "free"),
            dim=2,
        )
    for study, more in (
        (in_width, {"widths": [4, 8, 16]}),
        (in_sigma_b, {"sigma_bs": [5, 10, 20]}),
    ):
        with pytest.raises(ValueError, match=r"y must have shape \(n,\), .* got \(8, 2\)"):
            study(law, X, np.stack([X, Y], axis=1), [1.0], **more)
        with pytest.raises(ValueError, match=r"y must differ from 0, where the flows start"):
            study(law, X, np.zeros(8), ts, **more)
    with pytest.raises(TypeError, match="law"):
        in_samples(np.sin, np.sin, [2, 4, 8], lattice=lattice)
