"""Losses of the residual: values, slopes, curvatures, and which records are refused."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lfp.losses import Loss, as_loss, curvature_of

ONE = np.array([1.0, -0.3])
BY_HAND = {
    "mse": lambda r: mpmath.mpf(r) ** 2 / 2,
    "logistic": lambda r: mpmath.log(mpmath.cosh(r)),
    "huber": lambda r: mpmath.mpf(r) ** 2 / 2 if abs(r) <= 1 else abs(mpmath.mpf(r)) - 0.5,
    3: lambda r: abs(mpmath.mpf(r)) ** 3 / 3,
    4.5: lambda r: abs(mpmath.mpf(r)) ** 4.5 / 4.5,
}
CAUCHY = Loss(lambda r: np.log1p(r**2 / 2), lambda r: r / (1 + r**2 / 2))
residuals = st.floats(-50, 50).filter(lambda r: abs(r) > 1e-3)


@pytest.mark.parametrize("loss", BY_HAND)
@pytest.mark.parametrize("r", [0.0, 1e-9, -1e-3, 0.99999, 1.0, -1.00001, 30.0, -1e4])
def test_values_are_those_of_high_precision(loss, r):
    mpmath.mp.dps = 50
    expected = float(BY_HAND[loss](r))
    assert as_loss(loss, ONE).value(np.array([r]))[0] == pytest.approx(expected, rel=1e-14, abs=0)


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(list(BY_HAND)), residuals)
def test_slopes_and_curvatures_are_derivatives(loss, r):
    if loss == "huber" and abs(abs(r) - 1) < 1e-3:
        return
    record, at = as_loss(loss, ONE), np.array([r])
    mpmath.mp.dps = 50
    slope, curvature = (float(mpmath.diff(BY_HAND[loss], r, k)) for k in (1, 2))
    np.testing.assert_allclose(record.slope(at), slope, rtol=1e-12)
    np.testing.assert_allclose(record.curvature(at), curvature, rtol=1e-10, atol=1e-14)


def test_logistic_loss_is_quadratic_at_zero_and_finite_far_away():
    loss = as_loss("logistic", ONE)
    far = np.array([-1e300, -1e4, 1e4, 1e300])
    np.testing.assert_allclose(loss.value(far), np.abs(far) - np.log(2), rtol=1e-15)
    np.testing.assert_array_equal(loss.slope(far), np.sign(far))
    np.testing.assert_array_equal(loss.curvature(far), 0)
    assert loss.curvature(np.zeros(1))[0] == 1


def test_huber_is_quadratic_up_to_one_and_linear_beyond():
    loss = as_loss("huber", ONE)
    r = np.array([-1e200, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0])
    np.testing.assert_allclose(loss.value(r), [1e200, 2.5, 0.5, 0.125, 0, 0.125, 0.5, 2.5])
    np.testing.assert_array_equal(loss.slope(r), [-1, -1, -1, -0.5, 0, 0.5, 1, 1])
    np.testing.assert_array_equal(loss.curvature(r), [0, 0, 1, 1, 1, 1, 1, 0])


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 3), st.integers(0, 99))
def test_two_and_mse_are_half_the_square_in_any_shape(times, n, c, seed):
    r = np.random.default_rng(seed).normal(size=(times, n, c))
    for spelling in ("mse", 2, 2.0, np.float64(2), np.int64(2)):
        loss = as_loss(spelling, r)
        np.testing.assert_allclose(loss.value(r), r**2 / 2, rtol=1e-15)
        np.testing.assert_array_equal(loss.slope(r), r)
        np.testing.assert_array_equal(loss.curvature(r), np.ones_like(r))


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(["mse", "logistic", "huber", 2.2, 3, 4, 8.5]),
    st.floats(1e-2, 1e3),
    st.floats(0.1, 10),
    st.booleans(),
)
def test_consistent_records_are_accepted_at_every_scale(which, largest, stretch, central):
    inner = as_loss(which, ONE)  # stretched: its kinks lie anywhere
    record = Loss(
        lambda r: inner.value(r / stretch) * stretch**2,
        lambda r: inner.slope(r / stretch) * stretch,
        None if central else lambda r: inner.curvature(r / stretch),
    )
    assert as_loss(record, np.array([largest])) is record


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(["mse", "logistic", "huber", 3, 4]),
    st.floats(0.2, 5).filter(lambda f: abs(f - 1) > 0.03),
    st.sampled_from(["slope", "curvature"]),
    st.floats(1e-2, 1e2),
)
def test_wrong_factors_are_found(which, factor, where, largest):
    good = as_loss(which, ONE)
    scaled = {"slope": good.slope, "curvature": good.curvature}
    wrong = scaled[where]
    scaled[where] = lambda r: factor * wrong(r)
    below = "value" if where == "slope" else "slope"
    with pytest.raises(ValueError, match=f"loss.{where} must be the derivative of loss.{below}"):
        as_loss(Loss(good.value, **scaled), np.array([largest]))


def test_the_loss_need_not_be_convex_nor_smooth_nor_even():
    assert as_loss(CAUCHY, np.array([30.0])) is CAUCHY
    kink = Loss(  # the curvature jumps at 0.7, on one side only
        lambda r: np.where(r > 0.7, 3 * (r - 0.7) ** 2 + r**2 / 2, r**2 / 2),
        lambda r: np.where(r > 0.7, 6 * (r - 0.7) + r, r),
        lambda r: np.where(r > 0.7, 7.0, 1.0),
    )
    assert as_loss(kink, ONE) is kink
    shifted = Loss(lambda r: r**2 / 2 + 5, lambda r: r)
    assert as_loss(shifted, ONE) is shifted


def test_missing_curvature_is_differenced():
    r = np.array([-30.0, -1.0, -1e-4, 0.0, 0.3, 2.0])
    for loss in ("mse", "logistic", 4):
        record = as_loss(loss, ONE)
        differences = curvature_of(Loss(record.value, record.slope), 1.0)
        np.testing.assert_allclose(differences(r), record.curvature(r), rtol=1e-8, atol=1e-9)
        assert curvature_of(record, 1.0) is record.curvature


def half_square(r):
    return r**2 / 2


def identity(r):
    return r


def record_with(**fields):
    """A record of anything: the tests' type checker would refuse it when it is made."""
    record = Loss(half_square, identity)
    for name, value in fields.items():
        object.__setattr__(record, name, value)
    return record


@pytest.mark.parametrize(
    ("loss", "error", "message"),
    [
        (1.5, ValueError, r"loss must be at least 2.*not Lipschitz at 0, got 1\.5"),
        (np.nan, ValueError, "loss must be at least 2.*got nan"),
        ("hinge", ValueError, "loss must be one of 'mse', 'logistic', 'huber', got 'hinge'"),
        (None, TypeError, "loss must be 'mse', 'logistic', 'huber', a number or a Loss, got None"),
        (True, TypeError, "a number or a Loss, got True"),
        (half_square, TypeError, "a number or a Loss, got <function"),
        (record_with(slope=3), TypeError, "loss.slope must be a function of the residual, got 3"),
        (record_with(curvature="1"), TypeError, "loss.curvature must be a function"),
        (Loss(np.mean, identity), ValueError, r"loss.value must return the shape.*got \(\)"),
        (Loss(half_square, lambda r: r > 0), TypeError, "loss.slope must return real numbers"),
        (
            Loss(lambda r: np.log(np.cosh(1e4 * r)), np.tanh),
            ValueError,
            "loss.value must be finite, got inf at the residual -",
        ),
        (
            Loss(half_square, lambda r: r + 0.1),
            ValueError,
            r"loss.slope must be 0 at the residual 0, got 0\.1",
        ),
        (
            Loss(lambda r: -(r**2) / 2, lambda r: -r),
            ValueError,
            r"loss.slope must have the sign of the residual .*got 0\.001 at the residual -0\.001",
        ),
        (
            Loss(lambda r: 1 - np.cos(3 * r), lambda r: 3 * np.sin(3 * r)),
            ValueError,
            "must have the sign of the residual",
        ),
        (
            Loss(np.abs, np.sign),
            ValueError,
            "vanish at 0 at least linearly, got -1 and -1 at the residuals -1e-10 and -1e-09",
        ),
        (
            Loss(lambda r: np.abs(r) ** 1.5 / 1.5, lambda r: np.sign(r) * np.abs(r) ** 0.5),
            ValueError,
            "vanish at 0 at least linearly",
        ),
        (
            Loss(
                lambda r: np.where(r > 0.7, 3 * r**2 / 2 - 0.49, r**2 / 2),
                lambda r: np.where(r > 0.7, 3 * r, r),
            ),
            ValueError,
            r"loss.slope must be continuous, got a jump from 0\.7 to 2\.1 at the residual 0\.7",
        ),
        (
            Loss(lambda r: r**2, identity),
            ValueError,
            r"loss.slope must be the derivative of loss.value: its mean is -0\.001\d* around "
            r"the residual -0\.001\d*, where loss.value changes by -0\.002\d* per unit",
        ),
        (
            Loss(half_square, lambda r: np.where(r > 0, 1.5 * r, r)),
            ValueError,
            r"its mean is 0\.001\d* around the residual 0\.001",
        ),
        (
            Loss(half_square, identity, np.zeros_like),
            ValueError,
            "loss.curvature must be the derivative of loss.slope: its mean is 0 around",
        ),
    ],
)
def test_bad_losses_are_refused(loss, error, message):
    with pytest.raises(error, match=message):
        as_loss(loss, ONE)


def test_powers_that_overflow_on_the_data_are_refused():
    with pytest.raises(ValueError, match=r"loss.value must be finite, got inf at the residual 2e"):
        as_loss(40, np.array([1e10]))


def test_records_are_checked_where_the_data_are_fitted_from_the_start():
    with pytest.raises(ValueError, match=r"loss\.slope must be the derivative"):
        as_loss(Loss(half_square, lambda r: 2 * r), np.zeros(3))
    assert as_loss(40, np.zeros(3)).value(np.ones(1))[0] == 1 / 40
