"""Leave-one-out errors against leaving one out."""

import numpy as np
import pytest

import lfp

LINE = {
    "two": lfp.TwoLayer(),
    "frozen": lfp.TwoLayer(divergence=False),
    "wide": lfp.TwoLayer(sigma_a=0.5, sigma_w=2.0, sigma_b=1e4),
    "simplified": lfp.Simplified(1.0, 2.0, 0.5),
    "linear": lfp.PowerLaw(2),
    "cubic": lfp.PowerLaw(4),
    "odd": lfp.PowerLaw(3),
}
BANDED = [name for name, law in LINE.items() if law.powers(1) is not None]
TANH = lfp.TwoLayer(activation="tanh", sigma_b=5.0)
PLANE = {
    "two": lfp.TwoLayer(),
    "simplified": lfp.Simplified(1.0, 2.0, 0.5),
    "constant free": lfp.PowerLaw(3),
    "linear free": lfp.PowerLaw(5),
    "logarithm": lfp.PowerLaw(4),
}


def data(x, outputs=2):
    rng = np.random.default_rng(1)
    waves = np.sin(3 * np.atleast_2d(x.T).sum(axis=0))
    return waves[:, None] + 0.1 * rng.normal(size=(len(x), outputs))


def removed(law, x, y, *, ridge=0.0, **options):
    """`y_i - h(x_i)`, h of all other samples; the noise n ridge of each stays what it was."""
    n, errors = len(x), np.empty_like(y)
    for i in range(n):
        kept = np.arange(n) != i
        h = lfp.interpolate(law, x[kept], y[kept], ridge=ridge * n / (n - 1), **options)
        errors[i] = y[i] - h(x[i : i + 1])[0]
    return errors


def check(law, x, ridge=0.0, *, solver, accuracy=1e-9):
    y = data(x)
    found = lfp.interpolate(law, x, y, ridge=ridge, solver=solver).leave_one_out()
    expected = removed(law, x, y, ridge=ridge, solver=solver)
    assert found.shape == y.shape
    np.testing.assert_allclose(found, expected, atol=accuracy * np.abs(expected).max())


def line(n=30):
    return np.random.default_rng(0).uniform(-1, 1, n)


@pytest.mark.parametrize("law", BANDED)
@pytest.mark.parametrize("n", [5, 30])
def test_banded_errors_are_those_of_samples_left_out(n, law):
    check(LINE[law], line(n), solver="banded")


@pytest.mark.parametrize("law", BANDED)
def test_banded_errors_on_uneven_samples_far_from_the_origin(law):
    rng = np.random.default_rng(0)
    x = rng.permutation(30 + np.cumsum(np.geomspace(1e-5, 1, 30)))
    # rounding of x itself over the smallest gap
    check(LINE[law], x, solver="banded", accuracy=1e-8)


@pytest.mark.parametrize("ridge", [0.0, 1e-6, 1.0])
@pytest.mark.parametrize("law", LINE)
def test_dense_errors_on_a_line_are_those_of_samples_left_out(law, ridge):
    check(LINE[law], line(16), ridge, solver="dense", accuracy=1e-7 if ridge == 0 else 1e-9)


@pytest.mark.parametrize("ridge", [0.0, 1e-6])
@pytest.mark.parametrize("law", PLANE)
@pytest.mark.parametrize("d", [2, 3])
def test_dense_errors_are_those_of_samples_left_out(d, law, ridge):
    x = np.random.default_rng(0).uniform(-1, 1, (16, d))
    which = lfp.PowerLaw(PLANE[law].alpha + d - 2) if "free" in law else PLANE[law]
    check(which, x, ridge, solver="dense")


def test_dense_errors_of_a_smooth_law_and_of_a_bare_kernel():
    x = np.random.default_rng(0).uniform(-1, 1, (10, 2))
    check(TANH, x, solver="dense")
    check(TANH, line(6), 1e-6, solver="dense")
    check(lfp.TwoLayer(sigma_b=3.0).ntk, x, 1e-3, solver="dense")


@pytest.mark.parametrize("law", BANDED)
def test_banded_and_dense_errors_agree(law):
    x = np.sort(line(200)) + 1e-3 * np.arange(200)
    y = data(x)
    banded, dense = (
        lfp.interpolate(LINE[law], x, y, solver=solver).leave_one_out()
        for solver in ("banded", "dense")
    )
    # the condition number of the dense matrix of |z|^3 is 1e11
    tolerance = 1e-5 if law == "cubic" else 1e-9
    np.testing.assert_allclose(banded, dense, atol=tolerance * np.abs(dense).max())


def test_linear_errors_are_those_of_the_straight_line_between_the_neighbours():
    x = np.sort(line(100_000))
    y = data(x, 1)[:, 0]
    errors = lfp.interpolate(lfp.PowerLaw(2), x, y).leave_one_out()
    slopes = (y[2:] - y[:-2]) / (x[2:] - x[:-2])
    inside = y[1:-1] - (y[:-2] + slopes * (x[1:-1] - x[:-2]))
    expected = np.concatenate([[y[0] - y[1]], inside, [y[-1] - y[-2]]])
    np.testing.assert_allclose(errors, expected, atol=1e-6)


@pytest.mark.parametrize("solver", ["dense", "banded"])
@pytest.mark.parametrize("law", ["two", "cubic", "linear"])
def test_nothing_is_missed_at_a_repeated_position(law, solver):
    x, others = line(12), np.arange(12) != 3
    y = data(x)
    twice = np.append(x, x[3]), np.concatenate([y, y[3:4]])
    errors = lfp.interpolate(LINE[law], *twice, solver=solver).leave_one_out()
    once = lfp.interpolate(LINE[law], x, y, solver=solver).leave_one_out()
    np.testing.assert_array_equal(errors[[3, 12]], 0.0)
    np.testing.assert_allclose(errors[:-1][others], once[others], atol=1e-9)


def test_repeated_positions_with_a_ridge_are_left_out_one_at_a_time():
    x = np.append(line(12), line(12)[:4])
    check(LINE["two"], x, 1e-2, solver="dense")


@pytest.mark.parametrize("solver", ["dense", "banded"])
def test_a_sample_that_says_nothing_new_has_no_error(solver):
    x, more = line(12), np.array([-0.9, 0.02, 0.95])
    y = data(x)
    for name in BANDED:
        h = lfp.interpolate(LINE[name], x, y, solver=solver)
        joined = np.append(x, more), np.concatenate([y, h(more)])
        errors = lfp.interpolate(LINE[name], *joined, solver=solver).leave_one_out()
        assert np.abs(errors[12:]).max() < 1e-8
        assert np.abs(errors[:12]).max() > 1e-3


def test_one_output_has_one_axis_and_an_initial_output_is_left_in():
    x = line(12)
    y = data(x, 1)[:, 0]
    for solver in ("dense", "banded"):
        h = lfp.interpolate(LINE["two"], x, y, initial=np.cos, solver=solver)
        errors = h.leave_one_out()
        assert errors.shape == (12,)
        kept = np.arange(12) != 5
        rest = lfp.interpolate(LINE["two"], x[kept], y[kept], initial=np.cos, solver=solver)
        assert errors[5] == pytest.approx(y[5] - rest(x[5:6])[0], rel=1e-8)


def test_errors_of_two_samples_are_those_of_one():
    # h of one sample: y K(., x)/K(x, x)
    law, x, y = LINE["two"], np.array([0.3, -0.8]), np.array([1.0, -2.0])
    gram = law.kernel(x, x)
    expected = y - gram[0, 1] * y[::-1] / np.diag(gram)[::-1]
    found = lfp.interpolate(law, x, y).leave_one_out()
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_without_a_factorisation_there_are_no_errors_and_the_reason_is_given():
    law, x, y = LINE["two"], line(), data(line())
    cases = [
        (dict(solver="banded", ridge=1e-3), r"banded.* ridge = 0 only; use solver='dense'"),
        (dict(solver="iterative", ridge=1e-3), "iterative.* does not give them; use solver='dense"),
        (
            dict(solver="dense", ridge=1e-3, space=lfp.Lattice(6.0, 5)),
            "of fewer modes than samples",
        ),
        (dict(solver="iterative", ridge=1e-3, space=lfp.Lattice(6.0, 90)), "does not give them"),
    ]
    for options, reason in cases:
        h = lfp.interpolate(law, x, y, **options)
        with pytest.raises(ValueError, match=f"leave_one_out does not exist here: .*{reason}"):
            h.leave_one_out()
