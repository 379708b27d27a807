"""What `compare.stages` refuses, and what it warns of."""

import numpy as np
import pytest

import lfp
from compare import stages

N, T = 8, 3
X = 0.5 + np.arange(N) / 4
Y = np.sin(X)
OUTPUTS = np.zeros((T, N))
KERNEL = np.exp(-(np.subtract.outer(X, X) ** 2))
TS = np.arange(T, dtype=float)
ALTERNATING = (-1.0) ** np.arange(N)
FALLING = Y * (1 - 2.0 ** -np.arange(T))[:, None]  # the loss is a quarter of itself each time


def measure(*, x=X, y=Y, outputs=OUTPUTS, kernel=KERNEL, ts=TS, **options):
    return stages.measure(x, y, outputs, kernel, ts, **options)


def other(array, place, value):
    changed = array.copy()
    changed[place] = value
    return changed


NO_SIGN = lfp.Loss(lambda r: r**3 / 3, lambda r: r**2)
OFFSET = lfp.Loss(lambda r: r**2 / 2 + 1, lambda r: r.copy())
STEEP = lfp.Loss(lambda r: np.abs(r) ** 1.5 / 1.5, lambda r: np.sign(r) * np.abs(r) ** 0.5)

BAD = [
    (
        {"x": other(X, 3, 1.3)},
        "grid in increasing order, since the theorems rest on Planch",
    ),
    ({"x": other(X, 3, 1.3)}, r"compare\.spectra\.spectrum and compare\.spectra\.relative_error"),
    ({"x": X[::-1]}, "x must be a uniform grid of at least 2 points, in increasing order"),
    ({"x": X[:1]}, "x must be a uniform grid of at least 2 points"),
    ({"x": np.stack([X, X], 1)}, r"x must be one-dimensional, got shape \(8, 2\)"),
    ({"period": 1.75}, "period must be n times the step of x, 2: .* got 1.75"),
    ({"period": 0.0}, "period must be positive"),
    ({"y": Y[:-1]}, r"y must have shape \(8,\) like x, got \(7,\)"),
    (
        {"outputs": OUTPUTS[:-1]},
        r"outputs must have shape \(3, 8\), times by .* got \(2, 8\)",
    ),
    ({"outputs": OUTPUTS[0]}, "outputs must have 2 dimensions"),
    ({"outputs": other(OUTPUTS, 0, np.nan)}, "outputs must be finite"),
    ({"ts": TS[::-1]}, "ts must be sorted"),
    ({"ts": TS - 1}, "ts must not be negative"),
    ({"kernel": KERNEL[:-1]}, r"kernel must have shape \(8, 8\), or \(3, 8, 8\) .* got \(7, 8\)"),
    ({"kernel": np.stack(2 * [KERNEL])}, r"kernel must have shape .* got \(2, 8, 8\)"),
    ({"kernel": other(KERNEL, (0, 1), 0.0)}, "kernel must be symmetric, got .* differ by 0.939"),
    ({"kernel": np.stack(3 * [KERNEL]) * np.nan}, "kernel must be finite"),
    ({"kernel": KERNEL - 0.9 * np.ones((N, N))}, r"semidefinite, got \|grad L\|\^2 = -0.155 at"),
    ({"kernel": np.eye(N) - np.outer(ALTERNATING, ALTERNATING) / 2}, r"got -3 for e\* K e/n with"),
    ({"outputs": np.stack(3 * [Y])}, r"gradient of the loss other than zero .* ts\[0\] = 0"),
    ({"kernel": np.ones((N, N)), "y": np.sin(np.pi * X)}, r"got \|grad L\|\^2"),
    ({"kernel": 0 * KERNEL}, "gradient of the loss other than zero"),
    ({"m": (1, -2)}, "m must not be negative, got -2"),
    ({"eta": [0.0, 1.0]}, "eta must be above 0 and at most 2 cycles per unit of x, .* got 0"),
    ({"eta": [1.0, 2.1]}, "eta must be above 0 and at most 2 cycles per unit of x, .* got 2.1"),
    ({"eta": [1.0, 1.0]}, "eta must ascend"),
    ({"chi": np.ones(N - 1)}, r"chi must have shape \(8,\) like x, got \(7,\)"),
    ({"chi": -np.ones(N)}, "chi must not be negative, nor 0 everywhere"),
    ({"rho": lambda x: 0 * x}, "rho must not be negative, nor 0 everywhere"),
    ({"share": 1.0}, "share must be between 0 and 1, got 1.0"),
    ({"smoothness": 0}, "smoothness must be at least 1, got 0"),
    ({"windows": [0.0, 1.0]}, "windows must have 2 dimensions"),
    ({"windows": [[0.0, 1.0, 2.0]]}, r"windows must have shape \(W, 2\), got \(1, 3\)"),
    ({"windows": [[1.0, 1.0]]}, "windows must have T1 < T2, got 1 and 1"),
    ({"windows": [[0.0, 1.5]]}, "begin and end at recordings, got 1.5; the nearest of ts is 1"),
    (
        {"windows": [[0.0, 2.0]]},
        "windows must be long enough for the loss to fall to 0.5",
    ),
    ({"loss": 1.5}, "loss must be at least 2"),
    ({"loss": "l2"}, "loss must be one of 'mse'"),
    ({"loss": NO_SIGN}, r"loss\.slope must have the sign of the residual"),
    ({"loss": STEEP}, r"loss\.slope must vanish at 0 at least linearly"),
    (
        {"loss": OFFSET},
        r"must be 0 at the residual 0 \(Assumption 5\), got 1: subtract",
    ),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        measure(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outputs": OUTPUTS + 0j}, "outputs must be real"),
        ({"smoothness": "relu"}, "smoothness must be a number, got 'relu'"),
        ({"smoothness": True}, "smoothness must be a number, got True"),
        ({"share": True}, "share must be a number"),
        ({"loss": True}, "loss must be 'mse'"),
    ],
)
def test_wrong_kinds_are_named(change, message):
    # the type checker of the tests may see the kind first
    with pytest.raises(Exception, match=f"{message}|Type-check error"):
        measure(**change)


def test_powers_that_a_theorem_does_not_admit_are_told_and_computed():
    with pytest.warns(UserWarning, match="for smoothness k = 2") as told:
        found = measure(m=(1, 2, 4), smoothness=2)
    first, others = (str(one.message) for one in told)
    assert "Theorem 1 of the loss ratio admits m from 1 to 3, got m = 4:" in first
    assert "the other statements admit m from 1 to 1, got m = 2, 4:" in others
    assert np.isfinite(found.final.constant).all()
    with pytest.warns(UserWarning, match="the other statements admit no m at all, got m = 1"):
        measure(m=1, smoothness=1)
    with pytest.warns(UserWarning, match="k = inf, .* got m = 0"):
        measure(m=(0, 1), smoothness=np.inf)


@pytest.mark.filterwarnings("error")
def test_powers_that_every_theorem_admits_are_not_told():
    measure(m=(1, 2, 3), smoothness=4)
    measure(m=(1, 2, 3))


def test_outputs_that_follow_no_gradient_flow_are_told():
    with pytest.warns(UserWarning, match="the loss falls by .* but its rate .* sums up to") as told:
        found = measure(outputs=FALLING, ts=100 * TS)
    assert told[0].filename.endswith("test_stages_input.py") or "jaxtyping" in told[0].filename
    assert (found.intermediate.loss_error > 1).all()


def test_a_single_recording_has_no_windows():
    found = measure(outputs=OUTPUTS[:1], ts=[0.0])
    over = found.intermediate
    assert over.windows.shape == (0, 2)
    assert over.ratio.shape == (0, N // 2)
    assert over.constant.shape == (0, 3)
    assert over.bound.shape == over.uniform.bound.shape == (0, 3, N // 2)
    assert found.initial.constant.shape == (3,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 2.0], [1.0, 2.0]), "values must have at least 3 positive entries to fit, got 2"),
        (([1.0, 2, 3, 4], [1.0, 2, 0, 0]), "values must have at least 3 positive entries"),
        (([1.0, 2, 3], [1.0, 2, -1]), "values must not be negative, got -1"),
        (([1.0, 2, 2], [1.0, 2, 1]), "scale must be positive and different"),
        (([0.0, 1, 2], [1.0, 2, 1]), "scale must be positive and different"),
        (([1.0, 2, 3], [1.0, 2]), r"values must have shape \(..., 3\), got \(2,\)"),
    ],
)
def test_exponent_needs_something_to_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        stages.exponent(*arguments)


def test_weights_refuse_what_they_cannot_make():
    with pytest.raises(ValueError, match=r"flat must be from 0 to below 1, got 1.0"):
        stages.bump(X, flat=1.0)
    with pytest.raises(ValueError, match="x must be a uniform grid"):
        stages.bump(X**2)
    with pytest.raises(ValueError, match=r"bandwidth must be from the spacing of x, 0.25, to its"):
        stages.density(X, [1.0], bandwidth=0.1)
    with pytest.raises(ValueError, match="points must have 1 dimension"):
        stages.density(X, [[1.0]], bandwidth=0.5)


def test_least_rayleigh_refuses_what_is_no_kernel():
    with pytest.raises(ValueError, match=r"kernel must have shape \(8, 8\)"):
        stages.least_rayleigh(X, KERNEL[:-1])
    with pytest.raises(ValueError, match=r"semidefinite, got an eigenvalue -0\.379113 of K/n$"):
        stages.least_rayleigh(X, KERNEL - np.ones((N, N)))
    with pytest.raises(ValueError, match="of K/n at time 1"):
        stages.least_rayleigh(X, np.stack([KERNEL, KERNEL - np.ones((N, N))]))
    with pytest.raises(ValueError, match="chi and rho must not be 0 at every point"):
        stages.least_rayleigh(X, KERNEL, chi=np.arange(N) % 2, rho=1 - np.arange(N) % 2)
