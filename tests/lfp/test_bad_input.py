"""Every entry point names the argument, its value and what is allowed."""

import jax.numpy as jnp
import numpy as np
import pytest

import lfp

X, Y = np.linspace(-1, 1, 5), np.ones(5)
LAW = lfp.TwoLayer()

SAMPLES = [
    (dict(x=[0.0, np.nan, 1.0], y=Y[:3]), ValueError, r"x must be finite, got nan at index \(1,\)"),
    (dict(x=X, y=[1.0, np.inf, 1.0, 1.0, 1.0]), ValueError, r"y must be finite, got inf at index"),
    (dict(x=[], y=[]), ValueError, "x must not be empty"),
    (dict(x=X, y=Y[:4]), ValueError, "same length, got 5 positions and 4 values"),
    (dict(x=np.zeros((5, 1, 1)), y=Y), ValueError, "x must have 1 or 2 dimensions, got shape"),
    (dict(x=X, y=np.ones((5, 2, 2))), ValueError, "y must have 1 or 2 dimensions, got shape"),
    (dict(x=["a"] * 5, y=Y), TypeError, "x must hold real numbers"),
    (dict(x=X, y=Y * 1j), TypeError, "y must be real, got dtype complex128"),
    (dict(x=[[1.0], [1.0, 2.0]], y=Y[:2]), ValueError, "x must be a rectangular array of numbers"),
]


@pytest.mark.parametrize(("data", "error", "message"), SAMPLES)
def test_bad_samples_are_refused(data, error, message):
    with pytest.raises(error, match=message):
        lfp.solve(LAW, data["x"], data["y"], [1.0])
    with pytest.raises(error, match=message):
        lfp.interpolate(LAW, data["x"], data["y"])


@pytest.mark.parametrize(
    ("ts", "error", "message"),
    [
        ([1.0, np.nan], ValueError, "ts must be finite"),
        ([], ValueError, "ts must not be empty"),
        ([-1.0, 1.0], ValueError, r"ts must not be negative, got -1\.0"),
        ([1.0, 3.0, 2.0], ValueError, r"ts must be sorted, got 3\.0 before 2\.0 at index 1"),
        ("soon", TypeError, "ts must hold real numbers"),
        ([[1.0]], ValueError, "ts must have 1 dimension"),
    ],
)
def test_bad_times_are_refused(ts, error, message):
    with pytest.raises(error, match=message):
        lfp.solve(LAW, X, Y, ts)


def test_unknown_options_are_refused():
    with pytest.raises(ValueError, match="solver must be one of 'dense', 'krylov'"):
        lfp.solve(LAW, X, Y, [1.0], solver="magic")
    with pytest.raises(ValueError, match=r"loss must be .*'hinge'"):
        lfp.solve(LAW, X, Y, [1.0], loss="hinge")
    with pytest.raises(ValueError, match="space must be 'samples', got 'fourier'"):
        lfp.solve(LAW, X, Y, [1.0], space="fourier")
    with pytest.raises(ValueError, match="rtol must be between 0 and 1, got 2"):
        lfp.solve(LAW, X, Y, [1.0], rtol=2.0)
    with pytest.raises(ValueError, match="decades must be positive"):
        lfp.times(LAW, X, decades=0)
    with pytest.raises(ValueError, match="points must be at least 2, got 1"):
        lfp.times(LAW, X, points=1)


def test_a_law_is_a_law_or_a_kernel():
    with pytest.raises(TypeError, match="law"):
        lfp.solve("relu", X, Y, [1.0])  # pyright: ignore
    with pytest.raises(ValueError, match=r"law\(x1, x2\) must return shape \(5, 5\), got \(5, 1\)"):
        lfp.solve(lambda p, q: np.ones((5, 1)), X, Y, [1.0])
    with pytest.raises(ValueError, match=r"law\(x1, x2\) must be finite"):
        lfp.solve(lambda p, q: np.full((5, 5), np.nan), X, Y, [1.0])


def test_initial_outputs_must_fit_the_samples():
    with pytest.raises(ValueError, match=r"initial\(x\) must have shape \(5,\), got \(2,\)"):
        lfp.solve(LAW, X, Y, [1.0], initial=lambda x: np.ones(2))
    with pytest.raises(ValueError, match=r"initial\(x\) must be finite"):
        lfp.solve(LAW, X, Y, [1.0], initial=lambda x: np.full(5, np.nan))


def test_more_unknowns_than_memory_are_refused_with_their_bytes():
    many = np.linspace(-1, 1, 500_000)
    with pytest.raises(
        ValueError, match=r"needs 8,000,000,000,000 bytes for 500,000 samples.*Lattice"
    ):
        lfp.solve(LAW.ntk, many, many, [1.0])
    with pytest.raises(ValueError, match=r"bytes for .* modes.*earlier last time"):
        lfp.solve(LAW, np.stack([many, many**2], axis=1), many, [1e30])
    with pytest.raises(ValueError, match=r"bytes for 1,449,868,388 modes.*smaller cutoff"):
        lfp.solve(LAW, np.ones((3, 3)), Y[:3], [1.0], space=lfp.Lattice(6.0, 356))


def test_kernels_are_symmetric_float64_functions_and_laws_are_not_classes():
    with pytest.raises(ValueError, match=r"law\(x1, x2\) must be symmetric, got"):
        lfp.solve(lambda p, q: p[:, None] + 0 * q, X, Y, [1.0])
    with pytest.raises(ValueError, match="must be positive semidefinite, and computed in float64"):
        lfp.solve(lambda p, q: -np.exp(-((p[:, None] - q) ** 2)), X, Y, [1.0])
    with pytest.raises(TypeError, match="law must be a law or a kernel"):
        lfp.solve(lfp.TwoLayer, X, Y, [1.0])
    with pytest.raises(TypeError, match="law"):
        lfp.Lattice.resolving(LAW.ntk, X, 1.0)


def test_evaluation_points_must_fit_the_samples():
    flow = lfp.solve(LAW, X, Y, [1.0])
    with pytest.raises(
        ValueError, match="x and the samples must have the same dimension, got 2 and 1"
    ):
        flow(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="times must not be negative"):
        flow(X, times=[-1.0])
    with pytest.raises(ValueError, match="times must not exceed 1 with solver='ode', got 2"):
        lfp.solve(LAW, X, Y, [1.0], solver="ode")(X, times=[2.0])
    with pytest.raises(ValueError, match="loss_split needs x on a uniform grid"):
        lfp.solve(LAW, [0.0, 1.0, 3.0], Y[:3], [1.0]).loss_split(1.0)
    with pytest.raises(ValueError, match="eta must be at least 0, got -1"):
        flow.loss_split(-1.0)


def test_times_need_a_kernel_that_learns_something():
    with pytest.raises(ValueError, match="law must have a positive eigenvalue on x, got -"):
        lfp.times(lambda p, q: -np.eye(len(p)), X)
    with pytest.raises(ValueError, match="decades must be positive and at most 100, got 400"):
        lfp.times(LAW, X, decades=400)


def test_half_times_check_what_they_are_given():
    with pytest.raises(ValueError, match=r"relative_error must have shape \(\.\.\., 2, F\)"):
        lfp.half_times([1.0, 2.0], [[0.5]])
    with pytest.raises(ValueError, match="ts must be sorted"):
        lfp.half_times([2.0, 1.0], [[1.0], [0.0]])
    with pytest.raises(TypeError, match="relative_error must hold real numbers"):
        lfp.half_times([1.0], [["a"]])


@pytest.mark.parametrize("kind", [int, float, np.int64, np.float32, np.float64])
def test_every_kind_of_number_is_accepted(kind):
    law = lfp.TwoLayer(sigma_a=kind(1), sigma_w=kind(1), sigma_b=kind(10))
    lattice = lfp.Lattice(kind(6), np.int64(90))
    ts = lfp.times(law, X, decades=kind(2), points=np.int64(3))
    flow = lfp.solve(law, X, Y, ts, space=lattice)
    assert flow.fitted.shape == (3, 5)
    assert flow.loss_split(kind(1))[0].shape == (3,)
    assert law.rates(kind(2), np.int64(1))[0].shape == ()
    assert lfp.interpolate(law, X, Y, ridge=kind(0)).norm > 0


@pytest.mark.parametrize("kind", [list, tuple, np.array, jnp.asarray])
def test_every_kind_of_array_is_accepted(kind):
    x, y = kind([0.0, 0.5, 1.0]), kind([1, 2, 0])
    flow = lfp.solve(LAW, x, y, kind([0.0, 1.0]))
    np.testing.assert_allclose(flow(x), flow.fitted)
    assert lfp.nudft(x, y, kind([1.0, 2.0])).shape == (2,)
    assert lfp.half_times(kind([1.0, 2.0]), kind([[1.0], [0.0]])).shape == (1,)
    assert LAW.kernel(x, x).shape == (3, 3)


def test_wrong_kinds_of_options_are_type_errors():
    for call in (
        lambda: lfp.solve(LAW, X, Y, [1.0], initial=3.0),
        lambda: lfp.solve(LAW, X, Y, [1.0], loss=[]),
        lambda: lfp.solve(LAW, X, Y, [1.0], solver=[]),
        lambda: lfp.TwoLayer(activation=None),
        lambda: lfp.Lattice(6.0, 8, kind=5),
    ):
        with pytest.raises(TypeError):
            call()


def test_scales_beyond_floating_point_are_refused():
    with pytest.raises(ValueError, match=r"law\(x1, x2\) must be finite"):
        lfp.solve(LAW, 1e150 * X, Y, [1.0])
    with pytest.raises(ValueError, match=r"cannot be told apart on samples within .*scale x up"):
        lfp.interpolate(LAW, 1e-200 * X, Y, solver="dense")
