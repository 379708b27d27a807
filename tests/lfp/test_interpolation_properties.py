"""What holds of every interpolant of least norm."""

from dataclasses import dataclass

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import lfp

quick = settings(deadline=None, max_examples=25)
LAWS = {
    "two": lfp.TwoLayer(),
    "frozen": lfp.TwoLayer(sigma_a=0.5, sigma_w=2.0, sigma_b=20.0, divergence=False),
    "simplified": lfp.Simplified(1.0, 2.0, 0.5),
    "low": lfp.PowerLaw(4, scale=0.3),  # |z|^3 in d = 1, r^2 log r in d = 2
    "lowest": lfp.PowerLaw(2.5),  # in d = 2; |z| in d = 1
}


@dataclass(frozen=True)
class Case:
    law: lfp.Law
    solver: str
    x: np.ndarray  # well apart: what is looked at here is not rounding
    rng: np.random.Generator

    @property
    def y(self):
        return np.random.default_rng(7).normal(size=len(self.x))

    def fit(self, x, y, **options):
        return lfp.interpolate(self.law, x, y, solver=self.solver, **options)

    def somewhere(self, n=20):
        return self.rng.uniform(-1.5, 1.5, (n, self.x.shape[1]))


@st.composite
def cases(draw, laws=tuple(LAWS)):
    """A law, samples on a shaken grid of one or two dimensions and a solver that serves them."""
    name, rng = draw(st.sampled_from(laws)), np.random.default_rng(draw(st.integers(0, 999)))
    solver, n = draw(st.sampled_from(["banded", "dense", "plane"])), draw(st.integers(5, 12))
    if solver == "plane":
        side = np.linspace(-1, 1, 4)
        x = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
        x = rng.permutation(x + rng.uniform(-0.2, 0.2, x.shape))[: max(n, 6)]
        return Case(LAWS[name], "dense", x, rng)
    x = np.linspace(-1, 1, n) + rng.uniform(-0.4, 0.4, n) / n
    law = lfp.PowerLaw(2) if name == "lowest" else LAWS[name]
    return Case(law, solver, rng.permutation(x)[:, None], rng)


def weights(law, x, y, noise=0.0):
    """c of `(K + noise) c + free functions = y`, written out."""
    n, d = x.shape
    free = np.isinf(np.array([law.affine(d)[0], *d * [law.affine(d)[1]]]))
    columns = np.column_stack([np.ones(n), x])[:, free]
    k = columns.shape[1]
    matrix = np.block(
        [[law.kernel(x, x) + noise * np.eye(n), columns], [columns.T, np.zeros((k, k))]]
    )
    return np.linalg.solve(matrix, np.append(y, np.zeros(k)))[:n]


def close(first, second, relative=1e-8):
    np.testing.assert_allclose(first, second, rtol=0, atol=relative * np.abs(second).max())


@quick
@given(cases(), st.integers(1, 6))
def test_functions_that_vanish_at_the_samples_only_add_norm(case, extra):
    x, y, at = case.x, case.y, case.somewhere(extra + 3)
    both, c = np.concatenate([x, at]), weights(case.law, case.x, case.y)
    # v = K(., both) (a - b): a of anything, b of what interpolates it at the samples
    a = weights(case.law, both, case.rng.normal(size=len(both)) * 0.1)
    values = case.law.kernel(x, both) @ a
    b = weights(case.law, x, values)
    v = a - np.append(b, np.zeros(len(at)))
    gram = case.law.kernel(both, both)
    competitor = v + np.append(c, np.zeros(len(at)))
    square, of_v = competitor @ gram @ competitor, v @ gram @ v
    norm = case.fit(x, y).norm
    assert of_v > 0
    assert square > norm**2
    assert square == pytest.approx(norm**2 + of_v, rel=1e-6)


@quick
@given(cases(), st.sampled_from([0.0, 1e-3, 1.0]))
def test_square_of_the_norm_is_the_quadratic_form(case, ridge):
    n, gram = len(case.x), case.law.kernel(case.x, case.x)
    c = weights(case.law, case.x, case.y, n * ridge)
    h = case.fit(case.x, case.y, ridge=ridge)
    assert h.norm**2 == pytest.approx(c @ gram @ c, rel=1e-8)
    # and what the equations make of it, (y - n ridge c) c
    assert h.norm**2 == pytest.approx(c @ (case.y - n * ridge * c), rel=1e-8)


@quick
@given(cases(), st.integers(1, 3))
def test_samples_that_say_nothing_new_change_nothing(case, extra):
    h, at = case.fit(case.x, case.y), case.somewhere()
    more = case.somewhere(extra)
    joined = case.fit(np.concatenate([case.x, more]), np.append(case.y, h(more)))
    close(joined(at), h(at), 1e-7)
    assert joined.norm == pytest.approx(h.norm, rel=1e-7)
    assert joined.norm <= h.norm * (1 + 1e-9)
    assert np.abs(joined.leave_one_out()[len(case.x) :]).max() < 1e-6


@quick
@given(cases(), st.floats(-3, 3))
def test_a_sample_that_says_something_new_raises_the_norm_by_its_error(case, error):
    h, more = case.fit(case.x, case.y), case.somewhere(1)
    joined = case.fit(np.concatenate([case.x, more]), np.append(case.y, h(more) + error))
    assert joined.norm >= h.norm * (1 - 1e-9)
    assert joined.leave_one_out()[-1] == pytest.approx(error, rel=1e-6, abs=1e-6)
    # by the square of what is missed, over the power function at that place
    unit = case.fit(np.concatenate([case.x, more]), np.append(np.zeros(len(case.x)), 1.0))
    expected = h.norm**2 + error**2 * unit.norm**2
    assert joined.norm**2 == pytest.approx(expected, rel=1e-7)


@quick
@given(cases())
def test_norm_falls_and_misfit_grows_along_the_ridge_path(case):
    ridges = np.append(0.0, np.geomspace(1e-6, 10.0, 8))
    path = [case.fit(case.x, case.y, ridge=float(r)) for r in ridges]
    norms = np.array([h.norm for h in path])
    misfits = np.array([np.sum((h(case.x) - case.y) ** 2) for h in path])
    assert (np.diff(norms) <= 1e-10 * norms[0]).all()
    assert (np.diff(misfits) >= -1e-12).all()
    assert norms[-1] < norms[0]
    assert misfits[0] < 1e-12 < misfits[-1]
    # each is the least of its own sum of both among all of them
    total = misfits / (2 * len(case.x)) + ridges[:, None] * norms**2 / 2
    assert (np.diag(total) <= total.min(axis=1) * (1 + 1e-9) + 1e-15).all()


@quick
@given(cases(), st.sampled_from([1e-3, 1e-1]))
def test_the_smoothed_values_are_interpolated_by_the_smoothed_function(case, ridge):
    smooth, at = case.fit(case.x, case.y, ridge=ridge), case.somewhere()
    again = case.fit(case.x, smooth(case.x))
    close(again(at), smooth(at), 1e-7)
    assert again.norm == pytest.approx(smooth.norm, rel=1e-7)


@quick
@given(cases(), st.floats(-5, 5), st.floats(-5, 5), st.sampled_from([0.0, 1e-2]))
def test_interpolants_are_linear_in_the_values(case, a, b, ridge):
    at, other = case.somewhere(), case.rng.normal(size=len(case.x))
    both = case.fit(case.x, a * case.y + b * other, ridge=ridge)
    first, second = (case.fit(case.x, y, ridge=ridge) for y in (case.y, other))
    expected = a * first(at) + b * second(at)
    size = np.abs(first(at)).max() + np.abs(second(at)).max()
    np.testing.assert_allclose(both(at), expected, atol=5e-8 * size)
    assert both.norm <= abs(a) * first.norm + abs(b) * second.norm + 1e-8


@quick
@given(cases(), st.floats(1e-6, 1e6), st.sampled_from([-1, 1]), st.sampled_from([0.0, 1e-2]))
def test_factor_of_the_values_is_one_of_function_norm_and_errors(case, factor, sign, ridge):
    at = case.somewhere()
    h = case.fit(case.x, case.y, ridge=ridge)
    scaled = case.fit(case.x, sign * factor * case.y, ridge=ridge)
    close(scaled(at), sign * factor * h(at))
    assert scaled.norm == pytest.approx(factor * h.norm, rel=1e-9)
    if ridge == 0:
        close(scaled.leave_one_out(), sign * factor * h.leave_one_out())


@quick
@given(cases(), st.sampled_from([0.0, 1e-2]))
def test_order_of_the_samples_does_not_matter(case, ridge):
    at, order = case.somewhere(), case.rng.permutation(len(case.x))
    h = case.fit(case.x, case.y, ridge=ridge)
    mixed = case.fit(case.x[order], case.y[order], ridge=ridge)
    close(mixed(at), h(at))
    assert mixed.norm == pytest.approx(h.norm, rel=1e-9)
    if ridge == 0:
        close(mixed.leave_one_out(), h.leave_one_out()[order])


@quick
@given(cases(), st.integers(1, 4), st.sampled_from([0.0, 1e-2]))
def test_several_outputs_are_several_fits(case, outputs, ridge):
    at, y = case.somewhere(), case.rng.normal(size=(len(case.x), outputs))
    joint = case.fit(case.x, y, ridge=ridge)
    single = [case.fit(case.x, column, ridge=ridge) for column in y.T]
    assert joint(at).shape == (20, outputs)
    close(joint(at), np.stack([h(at) for h in single], axis=1))
    assert joint.norm == pytest.approx(np.linalg.norm([h.norm for h in single]), rel=1e-9)


@quick
@given(cases())
def test_ridge_tends_to_the_interpolant_at_first_order(case):
    at, least = case.somewhere(), case.fit(case.x, case.y).status.lambda_min
    if case.solver == "banded":
        least = lfp.interpolate(case.law, case.x, case.y, solver="dense").status.lambda_min
    limit = case.fit(case.x, case.y)
    small, smaller = (case.fit(case.x, case.y, ridge=least * r) for r in (1e-3, 1e-4))
    far, near = (np.abs(h(at) - limit(at)).max() for h in (small, smaller))
    assert 8 < far / near < 12
    assert limit.norm > smaller.norm > small.norm


@quick
@given(cases(("simplified", "low", "lowest")), st.floats(-20, 20), st.sampled_from([0.0, 1e-2]))
def test_laws_without_a_modulation_move_with_the_samples(case, shift, ridge):
    at = case.somewhere()
    h = case.fit(case.x, case.y, ridge=ridge)
    moved = case.fit(case.x + shift, case.y, ridge=ridge)
    close(moved(at + shift), h(at))
    assert moved.norm == pytest.approx(h.norm, rel=1e-8)


@quick
@given(cases(), st.floats(0, 6), st.sampled_from([0.0, 1e-2]))
def test_all_laws_turn_and_reflect_with_the_samples(case, angle, ridge):
    turn = np.array([[np.cos(angle), np.sin(angle)], [np.sin(angle), -np.cos(angle)]])
    turn = turn if case.x.shape[1] == 2 else -np.eye(1)
    at = case.somewhere()
    h = case.fit(case.x, case.y, ridge=ridge)
    turned = case.fit(case.x @ turn, case.y, ridge=ridge)
    close(turned(at @ turn), h(at))
    assert turned.norm == pytest.approx(h.norm, rel=1e-8)


@quick
@given(cases(("low", "lowest")), st.floats(0.01, 100))
def test_powers_scale_with_the_samples(case, factor):
    # ||h||^2 = int |xi|^alpha |h^|^2 of h(x/factor): factor^(d - alpha)
    at = case.somewhere()
    h, scaled = case.fit(case.x, case.y), case.fit(factor * case.x, case.y)
    close(scaled(factor * at), h(at), 1e-7)
    exponent = (case.x.shape[1] - case.law.alpha) / 2
    assert scaled.norm == pytest.approx(h.norm * factor**exponent, rel=1e-7)


@quick
@given(cases(), st.floats(-3, 3), st.sampled_from([0.0, 1e-2]))
def test_initial_output_is_what_the_fit_starts_from(case, size, ridge):
    def initial(x):
        return size * np.cos(3 * x if x.ndim == 1 else x @ [1.0, 2.0])

    flat = case.x[:, 0] if case.x.shape[1] == 1 else case.x
    at = case.somewhere()
    h = case.fit(case.x, case.y, initial=initial, ridge=ridge)
    rest = case.fit(case.x, case.y - initial(flat), ridge=ridge)
    expected = rest(at) + initial(at[:, 0] if flat.ndim == 1 else at)
    close(h(at), expected)
    assert h.norm == pytest.approx(rest.norm, rel=1e-9)


@quick
@given(cases(("two", "frozen")))
def test_values_are_bounded_by_the_norm_and_the_kernel(case):
    at = case.somewhere()
    h = case.fit(case.x, case.y)
    bound = h.norm * np.sqrt(np.diag(case.law.kernel(at, at)))
    assert (np.abs(h(at)) <= bound * (1 + 1e-9)).all()
