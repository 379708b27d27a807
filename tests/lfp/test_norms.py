import itertools
import warnings

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import lfp

X = np.array([-1.0, -0.75, -0.3, 0.05, 0.3, 0.8, 1.0])
Y = np.array([0.3, -1.0, 0.6, 0.9, -0.2, 0.4, -0.8])
SEEDS = st.integers(0, 2**31)


class Rates(lfp.Law):
    """A stationary law that knows its rates only."""

    def __init__(self, rate):
        self.rate = rate

    def rates(self, xi, dim):
        total = self.rate(np.abs(np.asarray(xi, float)))
        return total, np.zeros_like(total)

    def affine(self, dim):
        return 0.0, 0.0

    def pieces(self, distance, dim):
        return -np.ones_like(distance), np.zeros_like(distance)

    @property
    def has_divergence(self):
        return False


def grid(lattice, dim):
    """The integer vectors k, every component ascending, the last one fastest."""
    axis = range(-lattice.cutoff, lattice.cutoff + 1)
    return np.array(list(itertools.product(axis, repeat=dim)))


def torus_weights(law, lattice, dim):
    """D of the stationary block and of the others, by the definition, k by k."""
    stationary, modulated = [], []
    for k in grid(lattice, dim):
        if not k.any():
            named = {"excluded": 0.0, "free": np.inf}
            stationary.append(named.get(lattice.zero_mode, lattice.zero_mode))
            modulated.append(0.0)
            continue
        a_rate, b_rate = law.rates(np.linalg.norm(k) / lattice.period, dim)
        stationary.append(float(a_rate + b_rate) / lattice.period**dim)
        modulated.append(float(b_rate) / lattice.period**dim if law.has_divergence else 0.0)
    return np.array(stationary), np.array(modulated)


def expansion(law, lattice, x, weights):
    """Coefficients of `sum_i w_i K(., x_i)` on a torus, and K on the samples, written out."""
    stationary, modulated = torus_weights(law, lattice, x.shape[1])
    waves = np.exp(-2j * np.pi / lattice.period * grid(lattice, x.shape[1]) @ x.T)
    blocks = [stationary * (waves @ weights)]
    blocks += [modulated * (waves @ (weights * column)) for column in x.T]
    products = np.einsum("ki,kj->kij", waves.conj(), waves)
    kernel = np.tensordot(stationary, products, 1)
    kernel = kernel + x @ x.T * np.tensordot(modulated, products, 1)
    return np.concatenate(blocks), np.real(kernel)


def values(lattice, coefficients, x):
    """h(x) of a function of all blocks, the definition written out."""
    dim = x.shape[1]
    waves = np.exp(2j * np.pi / lattice.period * x @ grid(lattice, dim).T)
    blocks = coefficients.reshape(-1, waves.shape[1])
    factors = [np.ones(len(x)), *x.T]
    parts = [f * (waves @ c) for f, c in zip(factors, blocks, strict=False)]
    return np.real(np.sum(parts, axis=0))


def limit_coefficients(law, lattice, x, y):
    return lfp.solve(law, x, y, [1e14], space=lattice, solver="dense", throw=False).coefficients[0]


@pytest.mark.parametrize("divergence", [True, False])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_square_norm_of_a_kernel_expansion_is_its_quadratic_form(dim, divergence):
    rng = np.random.default_rng(dim)
    law = lfp.TwoLayer(sigma_w=2.0, divergence=divergence)
    lattice = lfp.Lattice(3.0, {1: 20, 2: 4, 3: 2}[dim], "torus", 0.7)
    x, weights = rng.uniform(-1, 1, (6, dim)), rng.normal(size=6)
    coefficients, kernel = expansion(law, lattice, x, weights)
    expected = np.sqrt(weights @ kernel @ weights)
    assert lfp.fp_norm(law, lattice, coefficients) == pytest.approx(expected, rel=1e-12)


def test_norm_on_the_torus_is_the_sum_over_frequencies():
    law, lattice = lfp.PowerLaw(alpha=3.0, scale=2.0), lfp.Lattice(2.5, 3, "torus")
    c = np.array([0.1j, 0.2, 1 + 1j, 0, 1 - 1j, 0.2, -0.1j])
    total = sum(abs(c[k + 3]) ** 2 * 2.5 * (abs(k) / 2.5) ** 3 / 2 for k in (-3, -2, -1, 1, 2, 3))
    assert lfp.fp_norm(law, lattice, c) == pytest.approx(np.sqrt(total), rel=1e-14)


@pytest.mark.parametrize(
    "law",
    [lfp.TwoLayer(), lfp.TwoLayer("tanh", sigma_b=5.0), lfp.PowerLaw(2.0), lfp.Simplified(1, 1, 1)],
    ids=["relu", "tanh", "power", "simplified"],
)
@pytest.mark.parametrize(
    "lattice",
    [
        lfp.Lattice(6.0, 200),
        *(lfp.Lattice(3.0, 100, "torus", zero) for zero in ("excluded", "free", 2.0)),
    ],
    ids=["free", "excluded", "free constant", "rate"],
)
def test_norm_of_the_interpolant_is_that_of_its_coefficients(law, lattice):
    limit = lfp.interpolate(law, X, Y, space=lattice)
    norm = lfp.fp_norm(law, lattice, limit_coefficients(law, lattice, X, Y))
    assert norm == pytest.approx(limit.norm, rel=1e-7)


def test_norm_of_the_interpolant_in_two_dimensions_is_that_of_its_coefficients():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1, 1, (12, 2)), rng.normal(size=12)
    law, lattice = lfp.TwoLayer(sigma_b=5.0), lfp.Lattice(9.0, 30)
    limit = lfp.interpolate(law, x, y, space=lattice)
    coefficients = limit_coefficients(law, lattice, x, y)
    assert lfp.fp_norm(law, lattice, coefficients, x=x) == pytest.approx(limit.norm, rel=1e-7)


def test_samples_wider_than_a_third_of_the_period_are_to_be_named():
    law, lattice = lfp.TwoLayer(), lfp.Lattice(4.4, 200)
    limit = lfp.interpolate(law, X, Y, space=lattice)
    coefficients = limit_coefficients(law, lattice, X, Y)
    assert lfp.fp_norm(law, lattice, coefficients, x=X) == pytest.approx(limit.norm, rel=1e-7)
    coarse = lfp.Lattice(6.0, 28)
    some = limit_coefficients(law, coarse, X, Y)
    assert lfp.fp_norm(law, coarse, some, x=X) > 0
    with pytest.raises(ValueError, match=r"x, the samples, must be given .* cutoff 28"):
        lfp.fp_norm(law, coarse, some)
    with pytest.raises(ValueError, match="x and coefficients must have the same dimension, got 2"):
        lfp.fp_norm(law, lattice, coefficients, x=np.zeros((3, 2)))


def test_free_lattice_with_negative_weights_has_a_norm_for_learned_functions_only():
    law, lattice = lfp.TwoLayer(), lfp.Lattice(6.0, 84)
    stationary, _ = lattice.coefficients(law, 1, lattice.reach(X))
    half = stationary[1:85]
    assert (half < 0).any()
    learned = limit_coefficients(law, lattice, X, Y)
    assert np.isfinite(lfp.fp_norm(law, lattice, learned))
    other = np.zeros(2 * 84 + 1)
    k = 1 + int(np.argmin(half))
    other[[84 - k, 84 + k]] = 1.0
    with pytest.raises(ValueError, match=r"learned on this free lattice.* D negative: .* is -"):
        lfp.fp_norm(law, lattice, other)


def test_norm_grows_along_the_flow_to_that_of_the_limit():
    law, lattice = lfp.TwoLayer(), lfp.Lattice(3.0, 100, "torus", 1.0)
    y = np.stack([Y, np.cos(X)], axis=1)
    flow = lfp.solve(law, X, y, np.geomspace(1e-2, 1e14, 9), space=lattice, solver="dense")
    norms = lfp.fp_norm(law, lattice, np.moveaxis(flow.coefficients, -1, 1))
    assert norms.shape == (9, 2)
    assert (np.diff(norms, axis=0) > -1e-9 * norms[1:]).all()
    for output in range(2):
        limit = lfp.interpolate(law, X, y[:, output], space=lattice)
        assert norms[-1, output] == pytest.approx(limit.norm, rel=1e-7)


def test_constant_costs_nothing_is_impossible_or_has_its_rate():
    law, one = lfp.PowerLaw(2.0), np.eye(1, 9, 4)[0]
    norms = {
        zero: float(lfp.fp_norm(law, lfp.Lattice(2.0, 4, "torus", zero), one))
        for zero in ("free", "excluded", 4.0)
    }
    assert norms == {"free": 0.0, "excluded": np.inf, 4.0: 0.5}
    assert lfp.fp_norm(law, lfp.Lattice(2.0, 4, "torus"), np.zeros(9)) == 0


def test_linear_part_costs_infinitely_much_where_the_law_has_none():
    law, lattice = lfp.PowerLaw(2.0), lfp.Lattice(2.0, 4, "torus")
    c = np.eye(1, 18, 3)[0]
    expected = lfp.fp_norm(law, lattice, c[:9])
    assert lfp.fp_norm(law, lattice, c) == expected < np.inf
    c[12] = 1e-9
    assert lfp.fp_norm(law, lattice, c) == np.inf


@pytest.mark.parametrize("factor", [1e-300, 1e-200, 1e200, 1e300])
@pytest.mark.parametrize("law", [lfp.PowerLaw(3.0), lfp.TwoLayer()], ids=["power", "relu"])
def test_norm_is_homogeneous_at_the_ends_of_the_range_of_floats(law, factor):
    lattice = lfp.Lattice(2.0, 6, "torus", 0.5)
    c = np.array([1 + 0.5j, 0.3, 0.0, 1e-6, 1j, 2.0, -1.0, 1.0, 0.1, 1e-3, 0.2, 0.0, 0.4])
    expected = factor * lfp.fp_norm(law, lattice, c)
    assert lfp.fp_norm(law, lattice, factor * c) == pytest.approx(expected, rel=1e-14, abs=0)
    # each function of a stack has its own unit
    both = lfp.fp_norm(law, lattice, np.stack([c, factor * c]))
    assert both[1] == pytest.approx(expected, rel=1e-14, abs=0)
    assert both[0] == lfp.fp_norm(law, lattice, c)


def test_dimension_follows_from_the_number_of_coefficients():
    law = lfp.TwoLayer(divergence=False)
    for dim, cutoff in ((1, 2), (2, 2), (3, 2), (3, 1)):
        lattice = lfp.Lattice(2.0, cutoff, "torus", 1.0)
        stationary, _ = torus_weights(law, lattice, dim)
        ones = np.ones(len(stationary))
        expected = pytest.approx(np.sqrt((1 / stationary).sum()), rel=1e-12)
        assert lfp.fp_norm(law, lattice, ones, dim=dim) == expected
        if cutoff == 2:
            assert lfp.fp_norm(law, lattice, ones) == expected
    with pytest.raises(ValueError, match="dim must be given: 27 coefficients"):
        lfp.fp_norm(law, lfp.Lattice(2.0, 1, "torus"), np.zeros(27))


def test_gamma_norm_is_the_sum_over_frequencies():
    for dim, cutoff in ((1, 30), (2, 5), (3, 2)):
        for zero, of_zero in (("excluded", 0.0), (0.3, 0.3)):
            lattice = lfp.Lattice(2.5, cutoff, "torus", zero)
            square = np.linalg.norm(grid(lattice, dim), axis=1) / 2.5
            square = of_zero + (square[square > 0] ** -4.0).sum() / 2.5**dim
            norm = lfp.gamma_norm(lfp.PowerLaw(4.0), lattice, dim=dim)
            assert norm == pytest.approx(np.sqrt(square), rel=1e-12)
    assert lfp.gamma_norm(lfp.PowerLaw(4.0), lfp.Lattice(2.5, 9, "torus", "free")) == np.inf
    # affine functions cost nothing: infinite at any radius
    assert lfp.gamma_norm(lfp.Simplified(1, 1, 1), lfp.Lattice(2.5, 90)) == np.inf


@pytest.mark.parametrize(
    ("law", "rtol"), [(lfp.TwoLayer(), 1e-4), (lfp.TwoLayer("tanh", sigma_b=5.0), 1e-12)]
)
def test_gamma_norm_on_a_free_lattice_is_the_root_of_the_kernel_of_a_point(law, rtol):
    lattice = lfp.Lattice(6.0, 400)
    for radius in (0.0, 0.8):
        norm = lfp.gamma_norm(law, lattice, radius=radius)
        assert norm == pytest.approx(np.sqrt(law.kernel([radius], [radius])[0, 0]), rel=rtol)


def test_gamma_norm_grows_with_the_radius_up_to_the_largest_float():
    lattice = lfp.Lattice(2.0, 5, "torus")
    _, modulated = torus_weights(lfp.TwoLayer(), lattice, 1)
    for radius in (1e6, 1e200, 1e300):
        expected = pytest.approx(radius * np.sqrt(modulated.sum()), rel=1e-12)
        assert lfp.gamma_norm(lfp.TwoLayer(), lattice, radius=radius) == expected
    wide = lfp.TwoLayer(sigma_a=1e6)
    with pytest.raises(ValueError, match=r"radius must be small enough .* finite, got 1e\+305"):
        lfp.gamma_norm(wide, lattice, radius=1e305)


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.sampled_from([1, 2]), st.booleans())
def test_values_do_not_exceed_norm_times_gamma_norm_and_reach_it(seed, dim, divergence):
    rng = np.random.default_rng(seed)
    law = lfp.TwoLayer(sigma_w=3.0, divergence=divergence)
    lattice = lfp.Lattice(2.0, 12 // dim**2, "torus", 0.5)
    x = rng.uniform(-1, 1, (5, dim))
    radius = float(np.linalg.norm(x, axis=1).max())
    gamma = lfp.gamma_norm(law, lattice, dim=dim, radius=radius)
    coefficients, _ = expansion(law, lattice, x, rng.normal(size=5))
    bound = lfp.fp_norm(law, lattice, coefficients) * gamma
    assert np.abs(values(lattice, coefficients, x)).max() <= bound * (1 + 1e-12)
    # the section of the kernel at the outermost point attains it
    outermost = x[[np.argmax(np.linalg.norm(x, axis=1))]]
    section, _ = expansion(law, lattice, outermost, np.ones(1))
    attained = values(lattice, section, outermost)[0]
    assert attained == pytest.approx(lfp.fp_norm(law, lattice, section) * gamma, rel=1e-10)


@settings(deadline=None, max_examples=30)
@given(SEEDS, st.floats(-1e3, 1e3))
def test_norm_is_homogeneous_and_satisfies_the_triangle_inequality(seed, factor):
    rng = np.random.default_rng(seed)
    law, lattice = lfp.TwoLayer(), lfp.Lattice(2.0, 6, "torus", 0.5)
    g, h = rng.normal(size=(2, 13)) + 1j * rng.normal(size=(2, 13))
    norm_g, norm_h, of_sum = lfp.fp_norm(law, lattice, np.stack([g, h, g + h]))
    assert of_sum <= (norm_g + norm_h) * (1 + 1e-12)
    assert lfp.fp_norm(law, lattice, factor * g) == pytest.approx(abs(factor) * norm_g, rel=1e-12)
    # the parallelogram identity: it comes from an inner product
    difference = lfp.fp_norm(law, lattice, g - h)
    assert of_sum**2 + difference**2 == pytest.approx(2 * (norm_g**2 + norm_h**2), rel=1e-10)


@settings(deadline=None, max_examples=20)
@given(SEEDS, st.integers(1, 6))
def test_interpolant_of_samples_of_a_function_has_no_larger_norm_than_it(seed, n):
    rng = np.random.default_rng(seed)
    law, lattice = lfp.PowerLaw(3.0), lfp.Lattice(2.0, 8, "torus", 1.0)
    half = (rng.normal(size=8) + 1j * rng.normal(size=8)) / np.arange(1, 9) ** 2
    c = np.concatenate([half[::-1].conj(), [rng.normal()], half])
    x = rng.permutation(np.linspace(-0.9, 0.9, 8))[:n, None]
    limit = lfp.interpolate(law, x, values(lattice, c, x), space=lattice)
    assert limit.norm <= lfp.fp_norm(law, lattice, c) * (1 + 1e-9)


def test_bound_is_the_formula_of_the_theorem():
    bound = lfp.generalization_bound(sup_norm=1.5, fp_norm=2.0, gamma_norm=0.5, n=100, delta=0.04)
    # log(4/0.04) = 4.605170185988092
    assert bound == pytest.approx(3.5 * (0.2 + 4 * np.sqrt(0.02 * 4.605170185988092)), rel=1e-14)


def test_bound_says_nothing_before_1725_samples_at_five_per_cent():
    # least possible: norm times gamma norm equals the largest value
    bound = lfp.generalization_bound(
        sup_norm=1.0, fp_norm=1.0, gamma_norm=1.0, n=[1, 1724, 1725], delta=0.05
    )
    assert bound.shape == (3,)
    assert bound[1] > 1 > bound[2]


def test_bound_takes_the_norm_as_fp_norm_gives_it():
    norm = lfp.fp_norm(lfp.PowerLaw(2.0), lfp.Lattice(2.0, 1, "torus"), [1.0, 0.0, 1.0])
    arguments = {"sup_norm": 2.0, "gamma_norm": 0.5, "n": 100, "delta": 0.04}
    bound = lfp.generalization_bound(fp_norm=norm, **arguments)
    assert bound == lfp.generalization_bound(fp_norm=float(norm), **arguments)
    with pytest.raises(TypeError, match="fp_norm must be a number, got array"):
        lfp.generalization_bound(fp_norm=norm[None], **arguments)


def test_bound_is_finite_for_the_least_delta():
    bound = lfp.generalization_bound(sup_norm=1.0, fp_norm=0.0, gamma_norm=1.0, n=1, delta=1e-320)
    assert bound == pytest.approx(2 + 4 * np.sqrt(2 * (np.log(4) + 320 * np.log(10))), rel=1e-5)


def test_numbers_of_samples_may_be_floats_that_are_whole():
    norms = {"sup_norm": 1.0, "fp_norm": 1.0, "gamma_norm": 1.0, "delta": 0.1}
    assert lfp.generalization_bound(**norms, n=1e6) == lfp.generalization_bound(**norms, n=10**6)
    for n in (1.5, [4.0, 2.000001], np.inf):
        with pytest.raises(
            ValueError, match=r"n must be (whole numbers of at least 1|finite), got"
        ):
            lfp.generalization_bound(**norms, n=n)


@settings(deadline=None, max_examples=50)
@given(
    st.floats(0, 10), st.floats(0, 10), st.floats(1e-3, 1e3), st.floats(1e-6, 0.5), st.integers(1)
)
def test_bound_is_homogeneous_in_the_target_and_falls_with_n_and_delta(sup, fp, factor, delta, n):
    n = min(n, 10**9)

    def bound(scale, n, delta):
        return lfp.generalization_bound(
            sup_norm=scale * sup, fp_norm=scale * fp, gamma_norm=0.7, n=n, delta=delta
        )

    one = bound(1.0, n, delta)
    assert bound(factor, n, delta) == pytest.approx(factor * one, rel=1e-12)
    assert bound(1.0, 4 * n, delta) == pytest.approx(one / 2, rel=1e-12)
    assert bound(1.0, n, 2 * delta * 0.999) <= one


def not_regular(law, dim, lattice=None):
    lattice = lattice or lfp.Lattice(2.0, 10, "torus")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        lfp.gamma_norm(law, lattice, dim=dim, radius=1.0)
    return [str(w.message) for w in caught]


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_law_at_or_below_the_critical_decay_warns(dim):
    for alpha in (dim - 0.5, float(dim)):
        for law in (lfp.PowerLaw(alpha), Rates(lambda xi, a=alpha: xi**-a)):
            (message,) = not_regular(law, dim)
            assert f"fall as |xi|^-{alpha:.3g}, not faster than |xi|^-d with d = {dim}" in message
            assert f"use a law that falls faster, such as PowerLaw(alpha={dim + 1})" in message
    alpha = dim + 0.05
    assert not not_regular(lfp.PowerLaw(alpha), dim)
    assert not not_regular(Rates(lambda xi: xi**-alpha), dim)


@pytest.mark.parametrize("activation", ["relu", "tanh", "gaussian", "sin", "softplus"])
def test_laws_of_networks_do_not_warn_however_coarse_the_lattice(activation):
    for sigma_w in (0.1, 100.0):
        law = lfp.TwoLayer(activation, sigma_w=sigma_w)
        for dim in (1, 2):
            assert not not_regular(law, dim, lfp.Lattice(2.0, 5, "torus"))


def test_oscillating_rates_are_judged_by_their_mean():
    assert not not_regular(Rates(lambda xi: np.sin(7 * xi) ** 2 / xi**2), 1)
    assert not_regular(Rates(lambda xi: np.sin(7 * xi) ** 2 / xi**0.5), 1)


def test_norm_of_a_function_warns_too_but_not_on_a_free_lattice():
    with pytest.warns(UserWarning, match="critical|trivial"):
        lfp.fp_norm(lfp.PowerLaw(1.0), lfp.Lattice(2.0, 2, "torus"), np.zeros(5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lfp.critical_decay.warn_if_not_regular(Rates(lambda xi: xi**-0.5), lfp.Lattice(2.0, 84), 1)


def test_bad_coefficients_are_refused():
    law, lattice = lfp.TwoLayer(), lfp.Lattice(2.0, 4, "torus")
    lengths = r"must have 9 or 18 \(d = 1\), 81 or 243 \(d = 2\), 729 or 2916 \(d = 3\) entries"
    with pytest.raises(ValueError, match=rf"{lengths} .* cutoff 4, got 10"):
        lfp.fp_norm(law, lattice, np.zeros(10))
    with pytest.raises(ValueError, match=r"must have 81 or 243 \(d = 2\) entries .* got 9"):
        lfp.fp_norm(law, lattice, np.zeros(9), dim=2)
    with pytest.raises(ValueError, match="dim must be 1, 2 or 3 on a Lattice, got 4"):
        lfp.fp_norm(law, lattice, np.zeros(9), dim=4)
    with pytest.raises(ValueError, match="coefficients must be finite, got nan at index"):
        lfp.fp_norm(law, lattice, np.full((2, 9), np.nan))
    for empty in (1.0, np.zeros((0, 9))):
        with pytest.raises(ValueError, match=r"coefficients must have shape \(\.\., modes\)"):
            lfp.fp_norm(law, lattice, empty)
    with pytest.raises(ValueError, match="coefficients must be a rectangular array of numbers: "):
        lfp.fp_norm(law, lattice, [[1.0, 2.0], [1.0]])
    with pytest.raises(
        ValueError, match=r"coefficients must be smaller: the norm .* one of 1e\+308"
    ):
        lfp.fp_norm(law, lfp.Lattice(2.0, 4, "torus", 1e-3), np.full(9, 1e308))
    with pytest.raises(TypeError, match="coefficients must be numbers"):
        lfp.fp_norm(law, lattice, ["a"] * 9)


def test_bad_laws_lattices_and_radii_are_refused():
    law, lattice = lfp.TwoLayer(), lfp.Lattice(2.0, 4, "torus")
    for norm in (lfp.gamma_norm, lambda *a: lfp.fp_norm(*a, np.zeros(9))):
        with pytest.raises(TypeError, match="law"):
            norm(law.kernel, lattice)
        with pytest.raises(TypeError, match="lattice"):
            norm(law, 3)
    with pytest.raises(ValueError, match="radius must be given for a law with the divergence"):
        lfp.gamma_norm(law, lattice)
    unpenalised = lfp.Lattice(2.0, 4, "torus", "free")
    for other, where in ((law, lattice), (lfp.PowerLaw(2.0), lattice), (law, unpenalised)):
        with pytest.raises(ValueError, match="radius must be at least 0, got -1"):
            lfp.gamma_norm(other, where, radius=-1)
        with pytest.raises(TypeError, match="radius must be a number, got True"):
            lfp.gamma_norm(other, where, radius=True)
    with pytest.raises(ValueError, match="dim must be at least 1, got 0"):
        lfp.gamma_norm(law, lattice, dim=0)
    with pytest.raises(ValueError, match="dim must be 1, 2 or 3 on a Lattice, got 4"):
        lfp.gamma_norm(law, lattice, dim=4)
    with pytest.raises(ValueError, match=r"bytes for 400,000,002 modes.*smaller cutoff"):
        lfp.gamma_norm(law, lfp.Lattice(2.0, 100_000_000, "torus"))
    with pytest.raises(ValueError, match=r"kernel of this law is negative, K\(x, x\) = -1"):
        lfp.gamma_norm(Rates(lambda xi: xi**-3), lfp.Lattice(2.0, 100))


def test_bad_arguments_of_the_bound_are_refused():
    good = {"sup_norm": 1.0, "fp_norm": 1.0, "gamma_norm": 1.0, "n": 10, "delta": 0.1}
    for name in ("sup_norm", "fp_norm", "gamma_norm"):
        for value in (-1.0, np.inf, np.nan):
            with pytest.raises(ValueError, match=f"{name} must be finite and at least 0, got"):
                lfp.generalization_bound(**{**good, name: value})
    for delta in (0.0, 1.0, -0.1):
        with pytest.raises(ValueError, match="delta must be between 0 and 1, got"):
            lfp.generalization_bound(**{**good, "delta": delta})
    with pytest.raises(ValueError, match="n must be whole numbers of at least 1, got 0"):
        lfp.generalization_bound(**{**good, "n": [5, 0]})
    with pytest.raises(ValueError, match=r"2 fp_norm gamma_norm must be finite, got .* 1e\+200"):
        lfp.generalization_bound(**{**good, "fp_norm": 1e200, "gamma_norm": 1e200})
    with pytest.raises(TypeError, match="delta must be a number"):
        lfp.generalization_bound(**{**good, "delta": True})
