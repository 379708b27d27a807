import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lfp

GRID = np.linspace(-1.5, 1.5, 121)


def zero_affine_bump(centre, width):
    """Second derivative of a Gaussian on GRID: its sums with 1 and x vanish."""
    s = (GRID - centre) / width
    return (s**2 - 1) * np.exp(-(s**2) / 2)


def network_kernel(r, w, density, reach):
    """Tangent kernel of `m^(-1/2) sum w ReLU(r (x + l))` in (w, r, l), by quadrature over l.

    `r` and `w` are draws; beyond `reach` every neuron is affine on GRID or dead there. The
    mean over l of the neurons with r > 0 and r < 0 is taken on a grid that contains GRID.
    """
    step = GRID[1] - GRID[0]
    kink = np.arange(-reach, reach + step / 2, step / 4) + step / 8  # no node on a kink
    kernel = np.zeros((len(GRID), len(GRID)))
    for sign in (1, -1):
        active = (sign * (GRID[:, None] + kink) > 0).astype(float)
        ramp = (GRID[:, None] + kink) * active
        mine = np.sign(r) == sign
        r2, w2 = np.mean(r**2 * mine), np.mean(w**2 * mine)
        r2w2 = np.mean(r**2 * w**2 * mine)
        weight = density(kink) * step / 4
        kernel += (r2 + w2) * (ramp * weight) @ ramp.T + r2w2 * (active * weight) @ active.T
    return kernel


@pytest.mark.parametrize("shape", ["gaussian", "uniform"])
def test_simplified_law_is_the_tangent_kernel_of_its_network(shape):
    rng = np.random.default_rng(0)
    half_r, half_w = rng.normal(0, 1.3, 4000), rng.normal(0, 0.6, 4000)
    r, w = np.append(half_r, -half_r), np.append(half_w, half_w)
    r *= np.where(np.abs(w) > 0.5, 2.0, 1.0)  # r and w need not be independent
    if shape == "gaussian":
        density, reach = lambda kink: np.exp(-(kink**2) / 1800) / np.sqrt(1800 * np.pi), 240.0
    else:
        density, reach = lambda kink: np.where(np.abs(kink) < 20, 1 / 40, 0.0), 20.0
    at_zero = float(density(0.0))
    exact = network_kernel(r, w, density, reach)
    law = lfp.Simplified(
        np.mean(r**2).item(), np.mean(w**2).item(), np.mean(r**2 * w**2).item(), scale=at_zero
    )
    bumps = np.array([zero_affine_bump(c, s) for c, s in [(0, 0.1), (0.3, 0.2), (-0.4, 0.15)]])
    np.testing.assert_allclose(
        bumps @ law.kernel(GRID, GRID) @ bumps.T,
        bumps @ exact @ bumps.T,
        atol=0.005 * np.abs(bumps @ exact @ bumps.T).max(),
    )
    for part, gone in (("cubic", "r2w2"), ("linear", "r2")):
        # both powers are seen by the comparison above
        changed = {"r2": law.r2, "w2": law.w2, "r2w2": law.r2w2, "scale": at_zero}
        changed[gone] *= 0.8
        other = bumps @ lfp.Simplified(**changed).kernel(GRID, GRID) @ bumps.T
        assert np.abs(other - bumps @ exact @ bumps.T).max() > 0.005 * np.abs(other).max(), part


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 8), st.floats(0.1, 9), st.floats(0.1, 9), st.floats(0.1, 9), st.floats(0.1, 9)
)
def test_rates_and_powers_are_one_law(d, r2, w2, r2w2, scale):
    """Each part is a power law: same rates, same kernel."""
    law = lfp.Simplified(r2, w2, r2w2, scale=scale)
    a_rate, b_rate = law.rates([0.3, 2.0], d)
    cubic = lfp.PowerLaw(d + 3, scale=law.rates(1.0, d)[0].item())
    linear = lfp.PowerLaw(d + 1, scale=law.rates(1.0, d)[1].item())
    np.testing.assert_allclose(a_rate, cubic.rates([0.3, 2.0], d)[0], rtol=1e-12)
    np.testing.assert_allclose(b_rate, linear.rates([0.3, 2.0], d)[0], rtol=1e-12)
    r = np.array([0.0, 0.5, 3.0])
    expected = cubic.pieces(r, d)[0] + linear.pieces(r, d)[0]
    stationary, modulated = law.pieces(r, d)
    np.testing.assert_allclose(stationary, expected, rtol=1e-10, atol=1e-12 * scale)
    assert (modulated == 0).all()
    assert law.powers(d)[2] == 0


@pytest.mark.parametrize("d", [1, 2, 3])
def test_prefactor_is_that_of_the_lecture(d):
    front = {1: np.sqrt(np.pi), 2: 1.0, 3: np.sqrt(np.pi) / 2}[d] / (16 * np.pi ** (4 + d / 2))
    a_rate, b_rate = lfp.Simplified(2.0, 3.0, 5.0, scale=7.0).rates(0.5, d)
    assert a_rate == pytest.approx(7 * front * (2 + 3) * 2 ** (d + 3), rel=1e-13)
    assert b_rate == pytest.approx(7 * front * 4 * np.pi**2 * 5 * 2 ** (d + 1), rel=1e-13)


def test_affine_functions_are_not_penalised():
    law = lfp.Simplified(1.0, 1.0, 1.0)
    assert law.affine(3) == (np.inf, np.inf)
    assert not law.has_divergence
    assert np.isnan(law.validity([[0.0, 1.0]]))
    x = np.random.default_rng(4).normal(size=(20, 2))
    free = np.hstack([np.ones((20, 1)), x])
    orthogonal = np.linalg.qr(free, mode="complete")[0][:, 3:]
    assert np.linalg.eigvalsh(orthogonal.T @ law.kernel(x, x) @ orthogonal)[0] > 0


def test_law_exists_in_high_dimension():
    law = lfp.Simplified(1.0, 2.0, 3.0)
    assert np.isfinite(law.powers(784)).all()
    assert (np.array(law.powers(784)[:2]) > 0).all()


def test_bad_numbers_are_named():
    with pytest.raises(ValueError, match="r2w2 must be positive and finite, got -1"):
        lfp.Simplified(1.0, 1.0, -1.0)
    with pytest.raises(ValueError, match="scale must be positive and finite, got inf"):
        lfp.Simplified(1.0, 1.0, 1.0, scale=np.inf)
    with pytest.raises(ValueError, match="xi must not be 0"):
        lfp.Simplified(1.0, 1.0, 1.0).rates(0.0, 1)


class Own(lfp.Law):
    """A law of a user, with rates as given."""

    def __init__(self, rate):
        self.rate = rate

    def rates(self, xi, dim):
        return np.full(np.shape(xi), 1.0), np.asarray(self.rate(np.asarray(xi)))

    def affine(self, dim):
        return 0.0, 0.0

    def pieces(self, distance, dim):
        return np.exp(-distance), np.zeros_like(distance)

    @property
    def has_divergence(self):
        return False


def test_rates_of_a_users_law_are_checked():
    good = Own(lambda xi: xi**-2)
    np.testing.assert_allclose(good.rates([1.0, 2.0], 1)[1], [1, 0.25])
    with pytest.raises(ValueError, match=r"must not be negative, got B = -1.0 at xi = 3.0"):
        Own(lambda xi: 2 - xi).rates([1.0, 3.0], 1)
    with pytest.raises(ValueError, match=r"must not be negative, got B = nan at xi = 1.0 from Own"):
        Own(lambda xi: xi * np.nan).rates([1.0, 3.0], 1)


@pytest.mark.parametrize(
    ("method", "result", "message"),
    [
        ("rates", np.ones(2), "Own.rates must return a tuple of two, got ndarray"),
        ("rates", (np.ones(2),), "Own.rates must return a tuple of two, got tuple"),
        ("rates", (np.ones(2), 0.0), r"Own.rates must return two real arrays of shape \(2,\)"),
        ("rates", ([1.0, 1.0], np.ones(2)), r"two real arrays of shape \(2,\), got list"),
        ("rates", (np.ones(2), 1j * np.ones(2)), "Own.rates must return two real arrays"),
        ("affine", 1.0, "Own.affine must return a tuple of two, got float"),
        ("affine", (1.0, np.nan), r"Own.affine must return numbers, got \(1.0, nan\)"),
        ("affine", (1.0, np.ones(2)), r"Own.affine .* of shape \(\), got shape \(2,\)"),
        ("pieces", np.ones(2), "Own.pieces must return a tuple of two, got ndarray"),
        ("pieces", (np.ones(2), np.ones(3)), r"Own.pieces .* shape \(2,\), got shape \(3,\)"),
        ("pieces", (np.array([1, np.nan]), np.ones(2)), "numbers, got nan at distance 0.5"),
    ],
)
def test_what_a_users_law_returns_is_checked(method, result, message):
    overridden = type("Own", (Own,), {method: lambda *_: result})
    arguments = (1,) if method == "affine" else (np.array([0.1, 0.5]), 1)
    with pytest.raises(ValueError, match=message):
        getattr(overridden(np.ones_like), method)(*arguments)


def test_methods_of_a_law_know_their_arguments_by_name():
    law = lfp.TwoLayer()
    r = np.array([0.1, 0.5])
    assert law.affine(dim=1) == law.affine(1)
    np.testing.assert_array_equal(law.rates(xi=r, dim=1), law.rates(r, 1))
    np.testing.assert_array_equal(law.pieces(distance=r, dim=1), law.pieces(r, 1))
