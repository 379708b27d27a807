import hypothesis.strategies as st
import numpy as np
import pytest
import xarray
from hypothesis import given, settings

import lfp
from compare.generalization import bound_against_risk, population_risk

SEEDS = st.integers(0, 2**31)


def target(lattice, dim=1, seed=0, decay=3):
    """Coefficients of a real function on a torus, and the function itself."""
    axis = np.arange(-lattice.cutoff, lattice.cutoff + 1)
    k = np.stack(np.meshgrid(*[axis] * dim, indexing="ij"), axis=-1).reshape(-1, dim)
    rng = np.random.default_rng(seed)
    size = (1 + np.linalg.norm(k, axis=1)) ** -decay
    c = size * (rng.normal(size=len(k)) + 1j * rng.normal(size=len(k)))
    c = (c + c[::-1].conj()) / 2
    if lattice.zero_mode == "excluded":
        c[len(c) // 2] = 0

    def function(x):
        x = np.reshape(x, (-1, dim))
        return np.real(np.exp(2j * np.pi / lattice.period * (x @ k.T)) @ c)

    return c, function


@pytest.mark.parametrize(
    ("function", "dim", "expected"),
    [
        (lambda x: x, 1, 0.5),
        (lambda x: np.sin(20 * np.pi * x), 1, 2 / np.pi),
        (lambda x: x.sum(axis=1), 2, 2 / 3),
        (lambda x: x.sum(axis=1), 3, 13 / 16),
        (lambda x: x.prod(axis=1), 4, 1 / 16),
    ],
)
def test_risk_of_known_functions_is_within_its_error(function, dim, expected):
    zero = lambda x: np.zeros(len(x))  # noqa: E731
    box = {"low": -np.ones(dim), "high": np.ones(dim)}
    errors = []
    for rtol in (1e-2, 1e-3, 3e-4):
        risk = population_risk(function, zero, **box, rtol=rtol)
        assert abs(risk.value - expected) <= risk.error <= rtol * risk.value + 1e-8
        errors.append(risk.error)
    assert sorted(errors, reverse=True) == errors


def test_risk_of_linear_interpolation_of_a_square_is_a_sixth_of_the_step_squared():
    for step in (0.5, 0.125):
        nodes = np.arange(-1, 1 + step / 2, step)
        risk = population_risk(
            lambda x, nodes=nodes: np.interp(x, nodes, nodes**2), np.square, rtol=1e-4
        )
        assert risk.value == pytest.approx(step**2 / 6, rel=1e-4)


def test_density_weighs_the_positions_whatever_its_factor():
    def risk(density, **box):
        return population_risk(
            lambda x: x, lambda x: 0 * x, density=density, rtol=1e-4, **box
        ).value

    assert risk(lambda x: x**2) == pytest.approx(0.75, rel=1e-4)
    assert risk(lambda x: 1e6 * x**2) == pytest.approx(risk(np.square), rel=1e-12)
    # a density that vanishes on the left half is that of the right half
    right = risk(lambda x: (x > 0) * 1.0)
    assert right == pytest.approx(risk(None, low=0.0), rel=2e-4)


def test_density_may_vanish_at_the_first_points_and_be_a_truth_value():
    # 1e-4 of the box, which none of the first points of most sequences meets
    def risk(density):
        return population_risk(lambda x: x, lambda x: 0 * x, density=density, rtol=1e-3)

    narrow = risk(lambda x: np.abs(x - 0.5) < 1e-4)
    assert narrow.points > 8 * 2**7
    assert narrow.value == pytest.approx(0.5, rel=1e-3)
    assert risk(lambda x: x > 0) == risk(lambda x: 1.0 * (x > 0))
    for factor in (1e-320, 1e308):
        assert risk(lambda x, factor=factor: factor * (x > 0)) == risk(lambda x: x > 0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("factor", [1e-300, 1e-200, 1e200, 1e300, 1e308])
def test_risk_is_homogeneous_at_the_ends_of_the_range_of_floats(factor):
    def risk(factor):
        return population_risk(lambda x: factor * x, lambda x: 0 * x, rtol=1e-3, atol=0.0)

    one, other = risk(1.0), risk(factor)
    assert other.points == one.points
    assert other.value == pytest.approx(factor * one.value, rel=1e-13, abs=0)
    assert other.error == pytest.approx(factor * one.error, rel=1e-9, abs=0)


@settings(deadline=None, max_examples=20)
@given(SEEDS, st.floats(-100, 100))
def test_risk_is_symmetric_homogeneous_and_satisfies_the_triangle_inequality(seed, factor):
    waves = np.random.default_rng(seed).normal(size=(3, 4))
    f, g, h = (lambda x, w=w: w[0] * np.sin(w[1] * x + w[2]) + w[3] for w in waves)

    def risk(a, b):
        return population_risk(a, b, rtol=1e-3)

    between = risk(f, h)
    assert risk(h, f) == between
    scaled = risk(lambda x: factor * f(x), lambda x: factor * h(x)).value
    assert scaled == pytest.approx(abs(factor) * between.value, rel=3e-3, abs=1e-6)
    parts = risk(f, g), risk(g, h)
    slack = between.error + sum(part.error for part in parts)
    assert between.value <= sum(part.value for part in parts) + slack


@pytest.mark.parametrize(
    ("law", "dim", "cutoff"),
    [
        (lfp.PowerLaw(4.0), 1, 20),
        (lfp.TwoLayer(divergence=False), 1, 20),
        (lfp.PowerLaw(4.0), 2, 4),
    ],
)
def test_risk_and_norm_of_a_trial_are_those_of_the_interpolant(law, dim, cutoff):
    lattice = lfp.Lattice(2.0, cutoff, "torus", 1.0)
    coefficients, function = target(lattice, dim)
    dataset = bound_against_risk(law, lattice, coefficients, ns=[4, 12], trials=3, seed=5)
    for n in (4, 12):
        x = np.random.default_rng([5, n]).uniform(-1, 1, size=(3, n, dim))
        for trial in range(3):
            limit = lfp.interpolate(law, x[trial], function(x[trial]), space=lattice)
            there = dataset.sel(n=n).isel(trial=trial)
            assert there["norm"] == pytest.approx(limit.norm, rel=1e-7)
            box = {"low": -np.ones(dim), "high": np.ones(dim)}
            risk = population_risk(limit, function, **box)
            assert risk.error + there["risk_error"] < 2e-3 * risk.value
            assert abs(there["risk"] - risk.value) <= risk.error + there["risk_error"]


@pytest.mark.parametrize("zero_mode", ["excluded", 1.0])
@pytest.mark.parametrize(
    ("law", "dim", "cutoff"),
    [
        (lfp.PowerLaw(1.5), 1, 24),
        (lfp.PowerLaw(4.0), 1, 24),
        (lfp.TwoLayer(divergence=False), 1, 24),
        (lfp.PowerLaw(3.0), 2, 4),
    ],
    ids=["rough", "smooth", "relu", "plane"],
)
def test_bound_holds_in_a_thousand_random_trials_and_is_more_than_fifty_times_the_risk(
    law, dim, cutoff, zero_mode
):
    lattice = lfp.Lattice(2.0, cutoff, "torus", zero_mode)
    coefficients, _ = target(lattice, dim)
    deltas = [0.01, 0.05, 0.5, 0.99]
    dataset = bound_against_risk(
        law, lattice, coefficients, ns=[1, 5, 20], deltas=deltas, trials=1000
    )
    assert dataset.sizes == {"n": 3, "delta": 4, "trial": 1000}
    assert (dataset["share"] >= 1 - dataset["delta"]).all()
    # it holds by far, not only as often as promised
    assert (dataset["share"] == 1).all()
    assert float(dataset["looseness"].min()) > 50
    assert (dataset["informative_from"].sel(delta=0.05) >= 1725).all()


def test_risk_falls_with_the_number_of_samples_to_nothing_at_that_of_the_modes():
    lattice = lfp.Lattice(3.0, 10, "torus", 1.0)
    coefficients, _ = target(lattice)
    dataset = bound_against_risk(
        lfp.PowerLaw(3.0), lattice, coefficients, ns=[2, 5, 10, 20, 21], trials=50
    )
    mean = dataset["risk"].mean("trial").to_numpy()
    assert (np.diff(mean) < 0).all()
    assert mean[-1] < 1e-9 * mean[0]
    # while the bound falls as the root of n, and is its formula
    norms = {name: dataset.attrs[name] for name in ("sup_norm", "fp_norm", "gamma_norm")}
    expected = lfp.generalization_bound(**norms, n=[2, 5, 10, 20, 21], delta=0.05)
    np.testing.assert_allclose(dataset["bound"].sel(delta=0.05), expected, rtol=1e-14)


def test_norms_of_the_target_are_those_of_lfp_and_its_largest_value():
    lattice, law = lfp.Lattice(2.0, 20, "torus", 0.5), lfp.PowerLaw(3.0)
    coefficients, function = target(lattice)
    attrs = bound_against_risk(law, lattice, coefficients, ns=[3], trials=1).attrs
    assert attrs["fp_norm"] == float(lfp.fp_norm(law, lattice, coefficients))
    assert attrs["gamma_norm"] == lfp.gamma_norm(law, lattice)
    largest = np.abs(function(np.linspace(-1, 1, 40_001))).max()
    assert attrs["sup_norm"] == pytest.approx(largest, rel=2e-3)


def test_bound_becomes_informative_where_it_falls_below_the_largest_value():
    lattice, law = lfp.Lattice(2.0, 20, "torus", 0.5), lfp.PowerLaw(3.0)
    coefficients, _ = target(lattice)
    first = int(
        bound_against_risk(law, lattice, coefficients, ns=[3], trials=1)["informative_from"][0]
    )
    dataset = bound_against_risk(law, lattice, coefficients, ns=[1], trials=1)
    norms = {name: dataset.attrs[name] for name in ("sup_norm", "fp_norm", "gamma_norm")}
    before, then = lfp.generalization_bound(**norms, n=[first - 1, first], delta=0.05)
    assert before >= dataset.attrs["sup_norm"] > then


@settings(deadline=None, max_examples=15)
@given(SEEDS, st.floats(1e-3, 1e3), st.integers(1, 12))
def test_study_is_homogeneous_in_the_target_and_interpolants_have_no_larger_norm(seed, factor, n):
    lattice, law = lfp.Lattice(2.0, 8, "torus", 0.5), lfp.PowerLaw(3.0)
    coefficients, _ = target(lattice, seed=seed)

    def study(c):
        return bound_against_risk(law, lattice, c, ns=[n], trials=5, seed=seed)

    one, other = study(coefficients), study(factor * coefficients)
    for name in ("risk", "norm", "bound"):
        xarray.testing.assert_allclose(factor * one[name], other[name], rtol=1e-9)
    assert (one["norm"] <= one.attrs["fp_norm"] * (1 + 1e-12)).all()
    assert (other["informative_from"] == one["informative_from"]).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("power", [-1000, -660, 660, 990])
def test_study_is_homogeneous_at_the_ends_of_the_range_of_floats(power):
    lattice, law = lfp.Lattice(2.0, 8, "torus", 0.5), lfp.PowerLaw(3.0)
    coefficients, _ = target(lattice)
    one, other = (
        bound_against_risk(law, lattice, c, ns=[3], trials=5)
        for c in (coefficients, 2.0**power * coefficients)
    )
    for name in ("risk", "risk_error", "norm", "bound"):
        np.testing.assert_array_equal(other[name] / 2.0**power, one[name])
    for name in ("share", "looseness", "informative_from"):
        np.testing.assert_array_equal(other[name], one[name])
    for name in ("sup_norm", "fp_norm"):
        assert other.attrs[name] / 2.0**power == one.attrs[name]


def test_trials_of_one_n_do_not_depend_on_the_others_and_survive_netcdf(tmp_path):
    lattice, law = lfp.Lattice(2.0, 8, "torus"), lfp.PowerLaw(3.0)
    coefficients, _ = target(lattice)
    both = bound_against_risk(law, lattice, coefficients, ns=[7, 3], trials=4, seed=1)
    alone = bound_against_risk(law, lattice, coefficients, ns=[3], trials=4, seed=1)
    xarray.testing.assert_identical(both.sel(n=[3])["risk"], alone["risk"])
    other = bound_against_risk(law, lattice, coefficients, ns=[3], trials=4, seed=2)
    assert (other["risk"] != alone["risk"]).all()
    both.to_netcdf(tmp_path / "bound.nc", engine="h5netcdf")
    read = xarray.load_dataset(tmp_path / "bound.nc", engine="h5netcdf")
    xarray.testing.assert_identical(read, both)


def test_samples_in_many_blocks_are_the_same_samples(monkeypatch):
    lattice, law = lfp.Lattice(2.0, 8, "torus"), lfp.PowerLaw(3.0)
    coefficients, _ = target(lattice)
    whole = bound_against_risk(law, lattice, coefficients, ns=[5], trials=9)
    monkeypatch.setattr("compare.generalization.trials.BLOCK", 1)
    parts = bound_against_risk(law, lattice, coefficients, ns=[5], trials=9)
    xarray.testing.assert_allclose(parts, whole, rtol=1e-12)


@pytest.mark.parametrize(("dim", "cutoff"), [(1, 12), (2, 3)])
def test_quadrature_of_the_study_is_within_its_error_and_of_second_order_along_a_line(
    monkeypatch, dim, cutoff
):
    lattice, law = lfp.Lattice(2.0, cutoff, "torus"), lfp.PowerLaw(3.0)
    coefficients, _ = target(lattice, dim)

    def study(fineness):
        monkeypatch.setattr("compare.generalization.trials.FINENESS", {dim: fineness})
        return bound_against_risk(law, lattice, coefficients, ns=[5], trials=200)

    coarse, fine, finest = study(4), study(16), study(64)
    change = np.abs(coarse["risk"] - finest["risk"]).mean()
    assert change <= coarse["risk_error"].mean() <= 10 * change
    errors = [float(study["risk_error"].mean()) for study in (coarse, fine, finest)]
    orders = np.log(np.divide(errors[:-1], errors[1:])) / np.log(4)
    # second order at a kink; along a curve of them the errors are of either sign and cancel
    np.testing.assert_allclose(orders, 2 + (dim - 1) / 2, atol=0.15)


def test_law_at_the_critical_decay_is_warned_of():
    lattice = lfp.Lattice(2.0, 8, "torus")
    with pytest.warns(UserWarning, match="interpolant becomes trivial"):
        bound_against_risk(lfp.PowerLaw(1.0), lattice, target(lattice)[0], ns=[2], trials=1)


def test_bad_arguments_of_the_risk_are_refused():
    f = np.sin
    with pytest.raises(ValueError, match="low must be below high, got"):
        population_risk(f, f, low=1.0, high=1.0)
    with pytest.raises(ValueError, match="low and high must have the same length, got 2 and 1"):
        population_risk(f, f, low=[0.0, 0.0], high=1.0)
    for name in ("rtol", "atol"):
        with pytest.raises(ValueError, match=f"{name} must be at least 0, got -1"):
            population_risk(f, f, **{name: -1.0})
    with pytest.raises(ValueError, match="rtol and atol must not both be 0"):
        population_risk(f, f, rtol=0.0, atol=0.0)
    with pytest.raises(ValueError, match=r"function\(x\) must have shape \(128,\), got \(3,\)"):
        population_risk(lambda x: np.ones(3), f)
    with pytest.raises(ValueError, match=r"target\(x\) must be finite, got nan"):
        population_risk(f, lambda x: x * np.nan)
    with pytest.raises(ValueError, match=r"density\(x\) must not be negative, got -0\.98"):
        population_risk(f, f, density=lambda x: x)
    with pytest.raises(ValueError, match=r"density\(x\) must not vanish all over the box"):
        population_risk(f, f, density=lambda x: 0 * x)
    # seen by some of the sequences only
    with pytest.raises(ValueError, match=r"vanish all over .* 131,072 points of a sequence"):
        population_risk(f, f, density=lambda x: np.abs(x - 0.5) < 1e-6)
    with pytest.raises(ValueError, match=r"function\(x\) - target\(x\) must be finite"):
        population_risk(lambda x: 0 * x + 1e308, lambda x: 0 * x - 1e308)
    with pytest.raises(ValueError, match=r"low and high must have at most 21201 .* got 30000"):
        population_risk(f, f, low=np.zeros(30_000), high=np.ones(30_000))
    with pytest.raises(TypeError, match=r"function\(x\) must hold real numbers, got dtype bool"):
        population_risk(lambda x: x > 0, f)
    with pytest.raises(TypeError, match="target"):
        population_risk(f, 3.0)
    with pytest.raises(ValueError, match=r"after 1,048,576 points.*use a larger rtol, got 1e-14"):
        population_risk(f, np.square, rtol=1e-14, atol=0.0)


def test_bad_arguments_of_the_study_are_refused():
    law, lattice = lfp.PowerLaw(3.0), lfp.Lattice(2.0, 4, "torus")
    c, _ = target(lattice)

    def refused(message, law=law, lattice=lattice, c=c, ns=(2,), **others):
        with pytest.raises(ValueError, match=message):
            bound_against_risk(law, lattice, c, ns=ns, **{"trials": 1, **others})

    refused("ns must be whole numbers of at least 1, got 0", ns=[3, 0])
    refused("ns must be whole numbers of at least 1, got 2.5", ns=[2.5])
    refused("ns must be different from each other, got", ns=[2, 2])
    refused("ns must not be empty", ns=np.zeros(0))
    for delta in (0.0, 1.0):
        refused("deltas must be between 0 and 1, got", deltas=[delta])
    refused("trials must be at least 1, got 0", trials=0)
    refused("seed must be at least 0, got -1", seed=-1)
    for other in (lfp.Lattice(2.0, 84), lfp.Lattice(2.0, 4, "torus", "free")):
        refused("lattice must be a torus whose zero_mode is", lattice=other, c=target(other)[0] * 0)
    refused("law must have no divergence term", law=lfp.TwoLayer())
    refused(r"coefficients must have shape \(9,\), got \(2, 9\)", c=np.stack([c, c]))
    refused(r"coefficients must have shape \(9,\), got \(18,\)", c=np.concatenate([c, c]) * 0)
    refused("coefficients must be those of a real function", c=np.arange(9) + 1j)
    refused("function in the space other than zero, got one of norm 0", c=0 * c)
    constant = np.eye(1, 9, 4)[0]
    refused("function in the space other than zero, got one of norm inf", c=constant)
    refused(r"coefficients must have 9 or 18 \(d = 1\)", c=np.zeros(10))
