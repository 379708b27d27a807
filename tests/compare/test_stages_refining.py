"""How the constants of the theorems grow with the grid."""

import numpy as np
import pytest

from compare import stages

M = (1, 2, 3)
GRIDS = (128, 256, 512, 1024)
BOTH = ("initial", "final")


def maker(activation):
    """One random network of two layers on grids over [-1.5, 1.5)."""
    a, w, b = np.random.default_rng(0).normal(size=(3, 200))
    value, slope = {
        "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
        "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0),
    }[activation]

    def make(n):
        x = 3 * np.arange(n) / n - 1.5
        z = np.outer(x, 2 * w) + b
        features = np.hstack([value(z), a * slope(z) * x[:, None], a * slope(z)])
        return x, np.sin(2 * x), [value(z) @ a / 14], features @ features.T / 200

    return make


def test_constants_are_those_of_each_grid():
    make, grids = maker("relu"), (32, 48, 100)
    rho = lambda x: 2 + np.sin(x)  # noqa: E731
    found = stages.refine(make, grids, loss=4, m=(1, 2.5), chi=stages.bump, rho=rho)
    np.testing.assert_array_equal(found.sizes, grids)
    np.testing.assert_array_equal(found.m, [1, 2.5])
    assert set(found.constants) == {"initial", "final", "initial_output", "final_output"}
    for i, n in enumerate(grids):
        x, y, outputs, kernel = make(n)
        one = stages.measure(
            x, y, outputs, kernel, [0.0], loss=4, m=(1, 2.5), chi=stages.bump(x), rho=rho(x)
        )
        for name, constants in found.constants.items():
            np.testing.assert_allclose(constants[:, i], getattr(one, name).constant, rtol=1e-13)
    for name, growth in found.growth.items():
        by_hand = [np.polyfit(np.log(grids), np.log(row), 1)[0] for row in found.constants[name]]
        np.testing.assert_allclose(growth, by_hand, rtol=1e-9)


def test_constants_of_tanh_with_a_cut_off_do_not_grow():
    found = stages.refine(maker("tanh"), GRIDS, chi=stages.bump)
    for name in BOTH:
        constants = found.constants[name]
        np.testing.assert_allclose(constants, constants[:, :1] * np.ones(len(GRIDS)), rtol=1e-4)
        np.testing.assert_allclose(found.growth[name], np.zeros(len(M)), atol=1e-5)


def test_constants_of_relu_with_a_cut_off_grow_beyond_the_power_of_the_theorem():
    found = stages.refine(maker("relu"), GRIDS, chi=stages.bump)
    first = found.constants["initial"]
    np.testing.assert_allclose(first[0], first[0, 0] * np.ones(len(GRIDS)), rtol=1e-3)  # m = 2k - 1
    assert first[2, -1] > 1.3 * first[2, 0]
    np.testing.assert_allclose(found.growth["final"][1:], [1.5, 2.5], atol=0.05)  # m - 1/2


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_constants_without_a_cut_off_grow(activation):
    found = stages.refine(maker(activation), GRIDS)
    assert (np.diff(found.constants["initial"]) > 0).all()
    # |grad h^| falls as 1/xi and q as 1/xi^2: sums as m - 1, or a logarithm, and norms as m - 1/2
    np.testing.assert_allclose(found.growth["initial"][1:], [1, 2], atol=0.2)
    np.testing.assert_allclose(found.growth["final"], [0.5, 1.5, 2.5], atol=0.1)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ([8, 16], r"sizes must be at least 3 numbers of points, .* got \[8, 16\]"),
        ([8, 16, 16], "sizes must be at least 3 numbers of points"),
        ([1, 8, 16], "sizes must be at least 3 numbers of points"),
    ],
)
def test_sizes_must_ascend(sizes, message):
    with pytest.raises(ValueError, match=message):
        stages.refine(maker("tanh"), sizes)


def test_makers_give_four_things():
    make = maker("tanh")
    with pytest.raises(ValueError, match="make must give x, y, outputs and kernel, got 3 things"):
        stages.refine(lambda n: make(n)[:3], [8, 16, 32])
    with pytest.raises(TypeError, match=r"make must give .* as a tuple, got 8"):
        stages.refine(lambda n: n, [8, 16, 32])
    with pytest.raises(Exception, match=r"make must be a function of .* got 3|Type-check error"):
        stages.refine(3, [8, 16, 32])


def test_wrong_kinds_are_named():
    for sizes, chi, message in (
        ([8, 16, 32.5], None, "sizes must be integers"),
        ([8, 16, 32], np.ones(8), "chi must be a function of x"),
    ):
        # the type checker of the tests may see the kind first
        with pytest.raises(Exception, match=f"{message}|Type-check error"):
            stages.refine(maker("tanh"), sizes, chi=chi)


def test_grids_must_have_the_size_and_the_period_asked_for():
    make = maker("tanh")
    with pytest.raises(ValueError, match="make must give a grid of 8 points, got 9"):
        stages.refine(lambda n: make(n + 1), [8, 16, 32])

    def stretched(n):
        x, *others = make(n)
        return n * x, *others

    with pytest.raises(ValueError, match="period must be n times the step of x, 48"):
        stages.refine(stretched, [8, 16, 32])
