import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from scipy.integrate import quad

import lfp
from lfp.choice import make_space
from lfp.spaces.gram import Gram
from lfp.spaces.realmodes import half_lattice
from lfp.windowed import smooth_step

LATTICES = [
    lfp.Lattice(6.0, 20),
    lfp.Lattice(8.0, 64),
    lfp.Lattice(4.0, 12, "torus"),
    lfp.Lattice(4.0, 12, "torus", "free"),
    lfp.Lattice(4.0, 40, "torus", "free"),
    lfp.Lattice(4.0, 40, "torus", 3.0),
]


def problem(n=60, seed=0):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(-1, 1, n))
    return x, np.sin(5 * x) + x**2 + 0.3 * np.sign(x)


def lattice_kernel(law, lattice, x):
    """The kernel of a lattice as a plain cosine sum, for x (n, d); a free constant left out."""
    x = x.reshape(len(x), -1)
    stationary, modulated = lattice.coefficients(law, x.shape[1], lattice.reach(x))
    half = half_lattice(lattice.cutoff, x.shape[1])
    cosines = np.cos(2 * np.pi * (x[:, None] - x) @ half.T / lattice.period)
    stationary[0] = 0.0 if np.isinf(stationary[0]) else stationary[0]
    series = [c[0] + 2 * cosines @ c[1 : len(half) + 1] for c in (stationary, modulated)]
    return series[0] + (x @ x.T) * series[1]


def dense_flow(kernel, y, ts, *, free_constant=False):
    n = len(y)
    start = np.zeros(n)
    if free_constant:  # the constant relaxes at once; the rest in its complement
        start = np.full(n, y.mean())
        kernel = kernel - kernel.mean(axis=0)
        kernel = kernel - kernel.mean(axis=1)[:, None]
    values, vectors = np.linalg.eigh(kernel / n)
    decay = np.exp(-values * ts[:, None])
    return y - (decay * (vectors.T @ (y - start))) @ vectors.T


def test_free_coefficients_are_the_integrals_of_the_windowed_powers():
    law, lattice = lfp.TwoLayer(sigma_a=1.3, sigma_w=0.7, sigma_b=3.0), lfp.Lattice(6.0, 40)
    stationary, modulated = lattice.coefficients(law, 1, 2.0)
    stationary[0] -= law.affine(1)[0]
    modulated[0] -= law.affine(1)[1]
    cubic, linear, _ = law.powers(1)

    def integral(function, k):
        pieces = [(0, 2), (2, 3)]
        return sum(
            quad(
                lambda z: function(z) * smooth_step(np.array([z - 2.0]))[0] / 3,
                *piece,
                weight="cos",
                wvar=2 * np.pi * k / 6,
                epsabs=1e-13,
            )[0]
            for piece in pieces
        )

    for k in (0, 1, 5, 40):
        assert modulated[k] == pytest.approx(integral(lambda z: -linear * z, k), abs=1e-12)
        expected = integral(lambda z: cubic * z**3 - linear * z, k)
        assert stationary[k] == pytest.approx(expected, abs=1e-12)


def test_torus_kernel_is_the_periodised_power():
    law, lattice = lfp.TwoLayer(), lfp.Lattice(3.0, 60_000, "torus")
    x = np.array([-0.8, 0.1, 0.4, 1.1])
    u = np.abs(x[:, None] - x) / 3.0
    cubic, linear, _ = law.powers(1)
    bernoulli2 = u**2 - u + 1 / 6
    bernoulli4 = u**4 - 2 * u**3 + u**2 - 1 / 30
    expected = -cubic * 3.0**3 / 2 * bernoulli4 + linear * 3.0 * bernoulli2 * (1 + np.outer(x, x))
    np.testing.assert_allclose(lattice_kernel(law, lattice, x), expected, atol=2e-7)


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("n", [60, 25_000])
def test_gram_operator_is_that_of_the_features(dim, n):
    rng = np.random.default_rng(dim)
    x, u = rng.uniform(-0.4, 1, size=(n, dim)), rng.normal(size=(n, 2))
    cutoff, size = {1: 40, 2: 5, 3: 2}[dim], 6.0
    gram = Gram(x, u, size, cutoff, 1 + dim)
    angle = 2 * np.pi / size * x @ half_lattice(cutoff, dim).T
    modes = np.hstack([np.ones((n, 1)), np.sqrt(2) * np.cos(angle), np.sqrt(2) * np.sin(angle)])
    features = np.hstack([modes] + [x[:, [j]] * modes for j in range(dim)])
    np.testing.assert_allclose(
        gram.right.reshape(-1, 2), features.T @ u / n, atol=1e-11 * np.abs(u).mean()
    )
    vector = rng.normal(size=(1 + dim, modes.shape[1]))
    expected = features.T @ (features @ vector.ravel()) / n
    np.testing.assert_allclose(gram(vector).ravel(), expected, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("lattice", LATTICES[:4])
def test_free_functions_are_projected_out_of_the_gram_matrix(lattice):
    x, y = problem()
    space = make_space(lfp.TwoLayer(), lattice, x[:, None], y[:, None])
    features = space._features()
    if lattice.zero_mode == "free":
        features = features - features.mean(axis=0)
    np.testing.assert_allclose(space._matrix(), features.T @ features / 60, atol=1e-13)
    np.testing.assert_allclose(space.right[:, 0], features.T @ y / 60, atol=1e-13)


@pytest.mark.parametrize("lattice", LATTICES, ids=str)
@pytest.mark.parametrize("n", [40, 300])
def test_modal_flow_equals_the_dense_flow_of_the_same_lattice_kernel(lattice, n):
    x, y = problem(n)
    law = lfp.TwoLayer()
    ts = lfp.times(law, x, decades=6, points=13)
    flow = lfp.solve(law, x, y, ts, space=lattice)
    expected = dense_flow(
        lattice_kernel(law, lattice, x), y, ts, free_constant=lattice.zero_mode == "free"
    )
    np.testing.assert_allclose(flow.fitted, expected, atol=1e-9)
    assert flow.status.space == "lattice"


@pytest.mark.parametrize(
    "lattice", [LATTICES[0], LATTICES[3], lfp.Lattice(4.0, 15, "torus", 3.0)], ids=str
)
def test_modal_flow_agrees_with_a_library_integrator_at_its_tolerance(lattice):
    x, y = problem(50)
    law = lfp.TwoLayer()
    ts = lfp.times(law, x, decades=5, points=11)
    flow = lfp.solve(law, x, y, ts, space=lattice)
    for rtol in (1e-5, 1e-8):
        integrated = lfp.solve(law, x, y, ts, space=lattice, solver="ode", rtol=rtol)
        np.testing.assert_allclose(integrated.fitted, flow.fitted, atol=100 * rtol)


def test_error_of_the_free_lattice_falls_with_the_cutoff():
    x, y = problem()
    law = lfp.TwoLayer()
    ts = lfp.times(law, x, decades=7, points=8)
    exact = lfp.solve(law, x, y, ts).fitted
    cutoffs = np.array([64, 128, 256, 512])
    errors = np.array(
        [
            np.abs(lfp.solve(law, x, y, ts, space=lfp.Lattice(6.0, int(n))).fitted - exact).max(
                axis=1
            )
            for n in cutoffs
        ]
    )
    assert errors[0, 0] < 1e-6
    assert errors[0, -1] < 2e-2
    assert (np.diff(errors, axis=0) < 0).all()
    # with fewer samples than modes the tail of the kernel, sum of |k|^-2 beyond N, is felt
    slopes = np.polyfit(np.log(cutoffs), np.log(errors[:, :5]), 1)[0]
    np.testing.assert_allclose(slopes, -1.0, atol=0.25)


def test_torus_is_another_law_than_free_space_at_intermediate_times():
    x, y = problem()
    law = lfp.TwoLayer(sigma_a=0.1)
    y = y - y.mean()
    ts = lfp.times(law, x, decades=7, points=15)
    free = lfp.solve(law, x, y, ts, space=lfp.Lattice(6.0, 200)).fitted
    torus = lfp.solve(law, x, y, ts, space=lfp.Lattice(6.0, 200, "torus", "free")).fitted
    assert np.abs(free - torus).max() > 1e-2


@settings(deadline=None, max_examples=12)
@given(
    st.integers(3, 120),
    st.sampled_from(["uniform", "clustered", "grid"]),
    st.floats(0.5, 2.0),
    st.floats(0.5, 2.0),
    st.integers(0, 99),
)
def test_error_before_resolved_until_is_at_most_one_per_cent(n, where, sigma_a, sigma_w, seed):
    rng = np.random.default_rng(seed)
    x = {
        "uniform": rng.uniform(-1, 1, n),
        "clustered": np.concatenate([rng.normal(0.5, 0.01, n - 2), [-1.0, 1.0]]),
        "grid": np.linspace(-1, 1, n),
    }[where]
    law = lfp.TwoLayer(sigma_a=sigma_a, sigma_w=sigma_w, sigma_b=20.0)
    y, lattice = rng.normal(size=n), lfp.Lattice(6.0, 90)
    until = lfp.solve(law, x, y, [1e-3], space=lattice).status.resolved_until
    ts = until * np.logspace(-3, 0, 7)
    difference = lfp.solve(law, x, y, ts, space=lattice).fitted - lfp.solve(law, x, y, ts).fitted
    assert np.linalg.norm(difference, axis=1).max() <= 0.01 * np.linalg.norm(y)


@pytest.mark.parametrize("lattice", LATTICES[1:4], ids=str)
def test_coefficients_rebuild_the_outputs(lattice):
    x, y = problem(30)
    flow = lfp.solve(lfp.TwoLayer(), x, y, [0.1, 10.0, 1e4], space=lattice)
    size = 2 * lattice.cutoff + 1
    waves = np.exp(2j * np.pi * np.outer(lattice.frequencies, x))
    outputs = flow.coefficients[:, :size] @ waves + x * (
        flow.coefficients[:, size : 2 * size] @ waves
    )
    np.testing.assert_allclose(outputs, flow.fitted, atol=1e-10)
    with pytest.raises(ValueError, match="coefficients exist on a Lattice only"):
        _ = lfp.solve(lfp.TwoLayer(), x, y, [0.1]).coefficients


def test_outputs_between_samples_are_those_of_sample_space():
    x, y = problem(40)
    law = lfp.TwoLayer()
    grid = np.linspace(-1, 1, 77)
    ts = lfp.times(law, x, decades=3, points=4)
    exact = lfp.solve(law, x, y, ts)(grid)
    errors = [
        np.abs(lfp.solve(law, x, y, ts, space=lfp.Lattice(6.0, cutoff))(grid) - exact).max()
        for cutoff in (250, 500, 1000)
    ]
    assert errors[-1] < 1e-5
    assert (np.diff(np.log2(errors)) < -0.8).all()


def test_initial_output_is_kept_on_a_lattice():
    x, y = problem(40)
    law, lattice = lfp.TwoLayer(), lfp.Lattice(6.0, 64)
    flow = lfp.solve(law, x, y, [0.0, 1.0], space=lattice, initial=np.cos)
    plain = lfp.solve(law, x, y - np.cos(x), [0.0, 1.0], space=lattice)
    np.testing.assert_allclose(flow.fitted, plain.fitted + np.cos(x), atol=1e-12)


def test_bad_lattices_are_named():
    with pytest.raises(ValueError, match="cutoff must be at least 1, got 0"):
        lfp.Lattice(6.0, 0)
    with pytest.raises(ValueError, match="period must be positive and finite, got -1"):
        lfp.Lattice(-1.0, 8)
    with pytest.raises(ValueError, match="kind must be one of 'free', 'torus', got 'ring'"):
        lfp.Lattice(6.0, 8, "ring")
    with pytest.raises(ValueError, match="zero_mode must be 'excluded', 'free' or a positive rate"):
        lfp.Lattice(6.0, 8, "torus", "none")
    with pytest.raises(ValueError, match="zero_mode must be positive and finite, got 0"):
        lfp.Lattice(6.0, 8, "torus", 0.0)
    with pytest.raises(ValueError, match="zero_mode must be left out for kind='free'"):
        lfp.Lattice(6.0, 8, "free", "free")


def test_a_lattice_that_does_not_fit_the_problem_is_refused():
    x, y = problem(20)
    law = lfp.TwoLayer()
    with pytest.raises(ValueError, match=r"period must exceed 3\.\d+ for samples with an extent"):
        lfp.solve(law, x, y, [1.0], space=lfp.Lattice(2.0, 50))
    with pytest.raises(ValueError, match=r"period must exceed 1\.\d+ for samples with an extent"):
        lfp.solve(law, x, y, [1.0], space=lfp.Lattice(1.0, 50, "torus"))
    with pytest.raises(ValueError, match="x must have dimension 1, 2 or 3 on a Lattice, got 4"):
        lfp.solve(law, np.zeros((20, 4)), y, [1.0], space=lfp.Lattice(6.0, 50))
    with pytest.raises(TypeError, match="law must be a law such as TwoLayer on a Lattice"):
        lfp.solve(law.ntk, x, y, [1.0], space=lfp.Lattice(6.0, 50))
    with pytest.raises(ValueError, match=r"bytes for 400,000,002 modes.*smaller cutoff"):
        lfp.solve(law, x, y, [1.0], space=lfp.Lattice(6.0, 100_000_000))
    with pytest.raises(
        ValueError, match=r"truncated lattice kernel has the eigenvalue -.*larger cutoff"
    ):
        lfp.solve(law, x, y, [1e7], space=lfp.Lattice(4.2, 20))
    flow = lfp.solve(law, x, y, [1.0], space=lfp.Lattice(6.0, 50))
    with pytest.raises(
        ValueError, match=r"x must stay within 1.8.* of every sample on this Lattice"
    ):
        flow([5.0])
