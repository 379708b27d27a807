"""Early stopping: the exact risk against solved flows, Monte Carlo, limits, and networks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lfp
from compare.generalization import best_times, early_stopping, risk_along, stopping_of_networks
from compare.generalization.eigenflow import eigenflow

LAW = lfp.TwoLayer(sigma_a=1.0, sigma_w=1.0, sigma_b=5.0)
X = np.linspace(-1, 1, 20)
POINTS = np.linspace(-0.98, 0.97, 50)
TS = lfp.times(LAW.ntk, X, decades=8, points=60)
LAWS = {
    "lfp": LAW,
    "ntk": LAW.ntk,
    "tanh": lfp.TwoLayer("tanh", sigma_a=1.0, sigma_w=3.0, sigma_b=8.0),
    "constant free": lfp.PowerLaw(2.0),
    "affine free": lfp.PowerLaw(4.0),
    "simplified": lfp.Simplified(1.0, 1.0, 1.0),
}


def wave(x):
    return np.sin(2 * np.pi * x) + 0.5 * np.cos(6 * x)


@pytest.mark.parametrize("name", LAWS)
def test_eigenbasis_gives_the_outputs_and_sensitivities_of_solved_flows(name):
    law = LAWS[name]
    ts = lfp.times(law, X, decades=6, points=7)
    flow = eigenflow(law, X[:, None], POINTS[:, None])
    data = np.column_stack([wave(X), np.eye(len(X))])
    solved = lfp.solve(law, X, data, ts)(POINTS)
    for t, outputs in zip(ts, solved, strict=True):
        assert flow.distances(data, outputs, np.array([t])) < data.shape[1] * 1e-14
    squares = (solved[:, :, 1:] ** 2).sum(axis=2).mean(axis=1)
    np.testing.assert_allclose(flow.amplification(ts), squares, rtol=1e-6)


def test_law_in_the_plane_is_that_of_its_solved_flow():
    rng = np.random.default_rng(0)
    x, points = rng.uniform(-1, 1, (12, 2)), rng.uniform(-1, 1, (5, 2))
    flow = eigenflow(lfp.PowerLaw(5.0), x, points)
    solved = lfp.solve(lfp.PowerLaw(5.0), x, x[:, 0] ** 2, [0.3, 30.0])(points)
    for t, outputs in zip([0.3, 30.0], solved, strict=True):
        assert flow.distances(x[:, :1] ** 2, outputs[:, None], np.array([t])) < 1e-18


def test_directions_that_rounding_leaves_of_a_smooth_kernel_are_not_learned():
    # 40 samples of which the kernel resolves a dozen: half of the other eigenvalues are negative
    def smooth(x, other):
        return np.exp(-(np.subtract.outer(x, other) ** 2))

    x = np.linspace(-1, 1, 40)[:, None]
    ts = np.array([1e3, 1e9, 1e15])
    flow = eigenflow(smooth, x, x)
    assert (flow.rates >= 0).all()
    # at the samples no direction is learned by more than all of it
    assert (flow.amplification(ts) <= 1 + 1e-9).all()
    assert (flow.distances(np.eye(40), np.eye(40), ts) <= 1 + 1e-9).all()


def test_tiny_biases_keep_their_digits():
    # of a slow direction of the samples alone, against the exact exponential
    rates, vectors = np.linalg.eigh(LAW.kernel(X, X) / len(X))
    mode, ts = vectors[:, -1:], np.array([0.0, 1.0, 5.0, 10.0, 14.0]) / rates[-1]
    flow = eigenflow(LAW, X[:, None], X[:, None])
    bias = flow.distances(mode, mode, ts)
    np.testing.assert_allclose(bias, np.exp(-2 * rates[-1] * ts) / len(X), rtol=1e-6)


@pytest.mark.parametrize("name", ["lfp", "affine free"])
def test_risk_is_the_mean_over_noise_of_the_risk_of_solved_flows(name):
    law, noise, draws = LAWS[name], 0.3, 2000
    ts = lfp.times(law, X, decades=6, points=13)
    found = early_stopping(law, X, ts, noise=noise, points=POINTS, target=wave, throw=False)
    errors = noise * np.random.default_rng(1).normal(size=(len(X), draws))
    outputs = lfp.solve(law, X, wave(X)[:, None] + errors, ts)(POINTS)
    risks = risk_along(np.moveaxis(outputs, 2, 0), wave(POINTS))
    standard = risks.std(axis=0, ddof=1) / np.sqrt(draws)
    assert (np.abs(risks.mean(axis=0) - found.risk) < 4 * standard + 1e-12).all()
    # an error of five per cent in the variance would be seen
    assert (0.05 * found.variance[-4:] > 4 * standard[-4:] / 2).all()


def test_in_sample_risk_is_that_of_the_eigenvalues():
    found = early_stopping(LAW, X, TS, noise=0.2, points=X, target=wave)
    rates, vectors = np.linalg.eigh(LAW.kernel(X, X) / len(X))
    left = np.exp(-np.outer(TS, rates))
    bias = (left**2 @ (vectors.T @ wave(X)) ** 2) / len(X)
    np.testing.assert_allclose(found.bias, bias, rtol=1e-6, atol=1e-12)
    variance = 0.2**2 * ((1 - left) ** 2).sum(axis=1) / len(X)
    np.testing.assert_allclose(found.variance, variance, rtol=1e-6)
    # the estimate from data has this expectation: 2 E L = bias^2 + noise^2 |exp(-t K/n)|^2/n
    twice_loss = bias + 0.2**2 * (left**2).sum(axis=1) / len(X)
    df = lfp.predictions.degrees_of_freedom(rates, TS)
    estimate = lfp.predictions.risk_estimate(twice_loss / 2, df, 0.2, len(X))
    np.testing.assert_allclose(found.risk, estimate, rtol=1e-6, atol=1e-12)


def test_early_the_bias_falls_linearly_and_the_variance_grows_as_the_square_of_time():
    ts = np.array([0.0, 1e-6, 2e-6]) / 1.0
    found = early_stopping(LAW, X, ts, noise=0.3, points=POINTS, target=wave, throw=False)
    assert found.bias[0] == pytest.approx(np.mean(wave(POINTS) ** 2), rel=1e-12)
    assert found.variance[0] == 0
    across = LAW.kernel(POINTS, X) / len(X)
    slope = -2 * np.mean(wave(POINTS) * (across @ wave(X)))
    assert (found.bias[1] - found.bias[0]) / 1e-6 == pytest.approx(slope, rel=1e-3)
    square = 0.09 * (across**2).sum(axis=1).mean()
    assert found.variance[1] / 1e-12 == pytest.approx(square, rel=1e-3)
    assert found.variance[2] / found.variance[1] == pytest.approx(4, rel=1e-3)


@pytest.mark.parametrize("name", ["lfp", "affine free"])
def test_late_the_parts_are_those_of_the_interpolants_of_target_and_noise(name):
    law = LAWS[name]
    ts = np.geomspace(1, 1e14, 5)
    found = early_stopping(law, X, ts, noise=0.3, points=POINTS, target=wave, throw=False)
    limit = lfp.interpolate(law, X, np.column_stack([wave(X), np.eye(len(X))]))(POINTS)
    assert found.bias[-1] == pytest.approx(np.mean((limit[:, 0] - wave(POINTS)) ** 2), rel=1e-4)
    variance = 0.09 * (limit[:, 1:] ** 2).sum(axis=1).mean()
    assert found.variance[-1] == pytest.approx(variance, rel=1e-4)
    # at the samples: all of the noise
    found = early_stopping(law, X, ts, noise=0.3, points=X, target=wave, throw=False)
    assert found.variance[-1] == pytest.approx(0.09, rel=1e-6)
    assert found.bias[-1] < 1e-10


def test_bias_of_a_spectrum_is_the_mean_over_the_phases():
    xi, amplitudes = np.array([0.4, 1.3]), np.array([1.0, 0.3])
    found = early_stopping(
        LAW, X, TS, noise=0.2, points=POINTS, spectrum=(xi, amplitudes), throw=False
    )
    # the bias is quadratic in f, so that these 16 phases give the mean over all of them
    turns = np.pi / 2 * np.stack(np.meshgrid(*[range(4)] * 2), axis=-1).reshape(-1, 2)

    def random_wave(phases):
        return lambda x: np.sqrt(2) * np.cos(2 * np.pi * np.outer(x, xi) + phases) @ amplitudes

    single = [
        early_stopping(
            LAW, X, TS, noise=0.2, points=POINTS, target=random_wave(p), throw=False
        ).bias
        for p in turns
    ]
    np.testing.assert_allclose(found.bias, np.mean(single, axis=0), rtol=1e-9)
    assert found.bias[0] == pytest.approx(np.sum(amplitudes**2), rel=0.3)


@settings(deadline=None, max_examples=20)
@given(st.floats(0.05, 0.6), st.floats(0.1, 10))
def test_more_noise_stops_earlier_and_the_unit_of_y_does_not_matter(noise, unit):
    options = {"points": POINTS, "throw": False}
    one = early_stopping(LAW, X, TS, noise=noise, target=wave, **options)
    more = early_stopping(LAW, X, TS, noise=1.3 * noise, target=wave, **options)
    assert more.best_time < one.best_time
    other = early_stopping(
        LAW, X, TS, noise=unit * noise, target=lambda x: unit * wave(x), **options
    )
    np.testing.assert_allclose(other.risk, unit**2 * one.risk, rtol=1e-9)
    assert other.best_time == pytest.approx(one.best_time, rel=1e-6)


def test_best_times_are_the_vertices_of_parabolas_in_log_t():
    ts = np.geomspace(1, 1e4, 9)
    best = np.array([[30.0, 700.0], [2.0, 4e3]])
    risk = 1 + (np.log(ts) - np.log(best)[..., None]) ** 2
    np.testing.assert_allclose(best_times(ts, risk), best, rtol=1e-10)
    ends = np.stack([ts, 1 / ts, np.full(9, np.nan), risk[0, 0]])
    np.testing.assert_allclose(best_times(ts, ends), [np.nan, np.nan, np.nan, 30.0])
    assert best_times([0.0, 1.0, 2.0], [1.0, 2.0, 3.0]) == 0


def test_risks_that_are_not_finite_have_no_best_time():
    ts = [1.0, 2.0, 3.0, 4.0]
    diverged = [[np.nan, 2, 3, 4], [np.inf, 1, 2, 3], [3, 1, np.inf, np.inf], [3, 1, 2, -np.inf]]
    with np.errstate(all="raise"):
        assert np.isnan(best_times(ts, diverged)).all()


def test_no_least_risk_within_the_times_is_said_with_advice():
    options = {"points": POINTS, "target": wave}
    with pytest.raises(ValueError, match=r"risk still falls at the last of ts.*: look at later"):
        early_stopping(LAW, X, TS[:20], noise=0.3, **options)
    with pytest.raises(ValueError, match="as it does without noise, where training should never"):
        early_stopping(LAW, X, TS[:40], noise=0.0, **{**options, "points": X})
    with pytest.raises(ValueError, match=r"the risk is least at the first of ts, .* begin earlier"):
        early_stopping(LAW, X, TS[-20:], noise=0.3, **options)
    with pytest.raises(ValueError, match="the same at all of ts: there is neither noise nor any"):
        early_stopping(LAW, X, TS[1:], noise=0.0, points=POINTS, target=np.zeros_like)
    with pytest.raises(ValueError, match="or at 0, the best time where there is nothing to learn"):
        early_stopping(LAW, X, TS[1:], noise=0.3, points=POINTS, target=np.zeros_like)
    nothing = early_stopping(
        LAW, X, np.append(0, TS[1:]), noise=0.3, points=POINTS, target=np.zeros_like
    )
    assert (nothing.best_time, nothing.message) == (0.0, "")
    quiet = early_stopping(LAW, X, TS[:20], noise=0.3, throw=False, **options)
    assert np.isnan(quiet.best_time)
    assert "look at later times" in quiet.message
    assert early_stopping(LAW, X, TS, noise=0.3, **options).message == ""


def test_predicted_best_time_is_within_a_factor_two_of_that_of_linearised_networks():
    found = stopping_of_networks(
        LAW, X, TS, noise=0.4, points=POINTS, target=wave, width=4096, seeds=8
    )
    ratio = found["measured_time"] / found["predicted_time"]
    assert ((ratio.median("seed") > 0.5) & (ratio.median("seed") < 2)).all()
    mean = found["mean_risk_time"] / found["predicted_time"]
    assert ((mean > 0.5) & (mean < 2)).all()
    for source, kernel in (("lfp", LAW), ("ntk", LAW.ntk)):
        alone = early_stopping(kernel, X, TS, noise=0.4, points=POINTS, target=wave)
        np.testing.assert_array_equal(found["risk"].sel(source=source), alone.risk)
        assert found["predicted_time"].sel(source=source) == alone.best_time
    # and the risk there is close to the least; training on adds a third of it
    at = np.searchsorted(TS, float(found["predicted_time"].sel(source="lfp")))
    measured = found["mean_risk"].to_numpy()
    assert measured[at] < 1.2 * measured.min()
    assert measured[-1] > 1.33 * measured.min()
    assert set(found.dims) == {"source", "time", "seed"}


@pytest.mark.slow
def test_predicted_best_time_is_within_a_factor_two_of_that_of_trained_networks():
    ts = TS[:-12]
    found = stopping_of_networks(
        LAW,
        X,
        ts,
        noise=0.4,
        points=POINTS,
        target=wave,
        width=2048,
        seeds=4,
        flow="gradient",
        lazy_scale=30.0,
    )
    ratio = found["measured_time"] / found["predicted_time"]
    assert ((ratio.median("seed") > 0.5) & (ratio.median("seed") < 2)).all()
    mean = found["mean_risk_time"] / found["predicted_time"]
    assert ((mean > 0.5) & (mean < 2)).all()


def test_times_at_which_rounding_hides_the_rates_have_no_best_one():
    options = {"noise": 0.3, "points": POINTS, "target": wave}
    law = lfp.TwoLayer(sigma_a=1.0, sigma_w=1.0, sigma_b=1e6)
    late = np.geomspace(1e5, 1e12, 80)
    with pytest.raises(ValueError, match=r"hides the rates of about \d+ % of the data"):
        early_stopping(law, X, late, **options)
    found = early_stopping(law, X, late, **options, throw=False)
    assert np.isnan(found.best_time)
    assert "use times below" in found.message
    # at a sigma_b that rounding bears, the time is that of the limit, in proportion to sigma_b
    times = [
        early_stopping(lfp.TwoLayer(sigma_b=s), X, np.geomspace(1e-1, 1e6, 80) * s, **options)
        for s in (1e2, 1e3)
    ]
    assert times[1].best_time / times[0].best_time == pytest.approx(10, rel=1e-2)


def test_bad_arguments_of_early_stopping_are_refused():
    def refused(message, error=ValueError, law=LAW, **others):
        with pytest.raises(error, match=message):
            early_stopping(law, X, TS, **{"noise": 0.3, "points": POINTS, "target": wave, **others})

    refused(r"noise must be at least 0 and at most 1e\+150, got -1", noise=-1)
    refused(r"noise must be at least 0 and at most 1e\+150, got 1e\+200", noise=1e200)
    refused("spectrum must be a pair of .*, got 3.0", target=None, spectrum=3.0)
    refused(r"spectrum must be a pair of .*, got \(1, 2, 3\)", target=None, spectrum=(1, 2, 3))
    refused("give either target or spectrum, and not both", spectrum=([1.0], [1.0]))
    refused("give either target or spectrum, and not both", target=None)
    refused("x and points must have the same dimension, got 1 and 2", points=np.zeros((3, 2)))
    refused(
        "as many amplitudes as frequencies, got 2 and 1", target=None, spectrum=([1.0], [1.0, 2.0])
    )
    refused(r"target\(x\) must have shape \(20,\), got \(3,\)", target=lambda x: np.ones(3))
    refused("the kernel is indefinite", law=lfp.TwoLayer(sigma_w=4.0, sigma_b=1.0))
    refused("law", TypeError, law=3.0)
    with pytest.raises(ValueError, match="ts must hold at least 3 times, got 1"):
        early_stopping(LAW, X, [1e3], noise=0.3, points=POINTS, target=wave)
    with pytest.raises(ValueError, match=r"same m, got \(4, 3\) and \(2,\)"):
        risk_along(np.ones((4, 3)), np.ones(2))
    with pytest.raises(TypeError, match="outputs must hold real numbers, got dtype complex128"):
        risk_along(np.ones((4, 3)) + 1j, np.ones(3))
    with pytest.raises(ValueError, match=r"risk must have shape \(\.\.\., 3\) like ts, got \(2,\)"):
        best_times([1.0, 2.0, 3.0], [1.0, 2.0])
    with pytest.raises(TypeError, match="risk must hold real numbers, got dtype complex128"):
        best_times([1.0, 2.0], [1j, 2.0])
    options = {"noise": 0.3, "points": POINTS, "target": wave, "width": 8}
    with pytest.raises(ValueError, match="flow must be one of 'linearized', 'gradient', got 'x'"):
        stopping_of_networks(LAW, X, TS, flow="x", **options)
    for flow in ("linearized", "gradient"):
        with pytest.raises(ValueError, match="lazy_scale must be positive and finite, got -3"):
            stopping_of_networks(LAW, X, TS, flow=flow, lazy_scale=-3, **options)
    with pytest.raises(ValueError, match="seeds must be at least 2, got 1"):
        stopping_of_networks(LAW, X, TS, seeds=1, **options)
    with pytest.raises(TypeError, match="law"):
        stopping_of_networks(lfp.PowerLaw(2.0), X, TS, **options)
