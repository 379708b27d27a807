"""What rounding costs a flow whose kernel is nearly affine, and when that is refused."""

import mpmath
import numpy as np
import pytest

import lfp

X = np.linspace(-1, 1, 12)
Y = np.sin(4 * X) + 0.3 * np.cos(9 * X)


def law(sigma_b):
    return lfp.TwoLayer(activation="relu", sigma_a=1.0, sigma_w=1.0, sigma_b=sigma_b)


def times(sigma_b):
    """To where nearly all is learned: the rates of all but the affine part fall as 1/sigma_b."""
    return sigma_b * np.geomspace(0.1, 1e4, 20)


def exact(sigma_b, ts):
    """The flow at the samples by eigenvalues in 60 digits, `(T, n)`."""
    radial, affine = law(sigma_b).radial(X[:, None], X[:, None]), law(sigma_b).affine(1)
    with mpmath.workdps(60):
        columns = mpmath.matrix(np.column_stack([np.ones(len(X)), X]).tolist())
        weights = mpmath.diag([mpmath.mpf(float(value)) for value in affine])
        kernel = (mpmath.matrix(radial.tolist()) + columns * weights * columns.T) / len(X)
        rates, modes = mpmath.eigsy(kernel)
        parts = modes.T * mpmath.matrix(Y.tolist())
        flow = [
            modes
            * mpmath.matrix([-mpmath.expm1(-r * t) * p for r, p in zip(rates, parts, strict=True)])
            for t in map(float, ts)
        ]
        return np.array([[float(value) for value in row] for row in flow])


@pytest.mark.parametrize("sigma_b", [10.0, 1e3, 1e4, 1e5])
def test_the_error_estimate_covers_what_rounding_costs(sigma_b):
    ts = times(sigma_b)
    flow = lfp.solve(law(sigma_b), X, Y, ts, throw=False)
    error = np.linalg.norm(flow.fitted - exact(sigma_b, ts), axis=1) / np.linalg.norm(Y)
    assert error.max() <= 10 * flow.status.error_estimate
    if sigma_b <= 1e4:  # and it is not said of flows that are right
        assert flow.status.message == ""


def test_times_at_which_rounding_hides_the_rates_are_refused_with_advice():
    with pytest.raises(ValueError, match=r"hides the rates of about \d+ % .* use times below"):
        lfp.solve(law(1e6), X, Y, times(1e6))
    flow = lfp.solve(law(1e6), X, Y, times(1e6), throw=False)
    assert "lfp.interpolate" in flow.status.message
    assert flow.status.error_estimate > 0.01


def test_the_times_that_the_advice_allows_are_right():
    late = times(1e6)
    message = lfp.solve(law(1e6), X, Y, late, throw=False).status.message
    allowed = float(message.split("use times below ")[1].split(",")[0])
    early = late[late < allowed]
    early = np.append(early, allowed)
    flow = lfp.solve(law(1e6), X, Y, early)
    np.testing.assert_allclose(flow.fitted, exact(1e6, early), atol=0.02 * np.abs(Y).max())
