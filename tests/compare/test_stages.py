"""Ratios, gradients and constants of the three theorems against full Jacobians, written out."""

import jax
import numpy as np
import pytest

import lfp
import nets
from compare import stages
from compare.stages import Bound
from compare.stages.windows import missed

LOSSES = {
    "mse": (lambda r: r**2 / 2, lambda r: r),
    4: (lambda r: r**4 / 4, lambda r: r**3),
    "logistic": (lambda r: np.log(np.cosh(r)), np.tanh),
}
M = (1, 2, 3)


def random_case(n, *, times=3, parameters=40, seed=0):
    """Outputs and Jacobians of no network in particular: the statements hold for any."""
    rng = np.random.default_rng(seed)
    x = 0.3 + 1.7 * np.arange(n) / n
    y, outputs = rng.normal(size=n), rng.normal(size=(times, n))
    jacobians = rng.normal(size=(times, n, parameters)) / np.sqrt(parameters)
    return x, y, outputs, jacobians


def kernels(jacobians):
    return jacobians @ jacobians.swapaxes(1, 2)


def waves(n):
    """Signed frequencies in units of 1/P, each once, and `exp(-2 pi i jk/n)/n`."""
    k = np.fft.fftfreq(n, 1 / n)
    return k, np.exp(-2j * np.pi * np.outer(k, np.arange(n)) / n) / n


def by_jacobian(x, y, h, jacobian, loss, chi, rho):
    """Every quantity at one time for one network, from its Jacobian; loss ratios as for "mse"."""
    n = len(x)
    k, wave = waves(n)
    xi = k / (n * (x[1] - x[0]))
    u, own = chi * (h - y), chi[:, None] * jacobian
    gradient = own.T @ (rho * LOSSES[loss][1](u)) / n  # of L~
    root = np.sqrt(rho) if loss == "mse" else np.ones(n)
    u_hat, own_hat = wave @ (root * u), wave @ (root[:, None] * own)
    grad_q = 2 * (u_hat.conj()[:, None] * own_hat).real  # (K, parameters)
    whole = grad_q.sum(axis=0)
    return {
        "xi": np.abs(xi),
        "grad_q": np.linalg.norm(grad_q, axis=1),
        "rate": -grad_q @ gradient,
        "sensitivity": np.linalg.norm(wave @ own, axis=1),
        "weighted_sensitivity": np.linalg.norm(own_hat, axis=1),
        "speed": np.abs(wave @ own @ gradient),
        "slope": np.linalg.norm(gradient),
        "grad_L": np.linalg.norm(whole),
        "change": np.abs(whole @ gradient),
        "L": np.sum(np.abs(u_hat) ** 2),
        "force": np.sqrt(np.mean(rho * LOSSES[loss][1](u) ** 2)) * np.sqrt(rho.max()),
    }


@pytest.mark.filterwarnings("ignore:the loss falls")  # these outputs follow no flow
@pytest.mark.parametrize("n", [16, 17])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("weights", [False, True])
def test_ratios_and_constants_equal_those_of_the_full_jacobian(n, loss, weights):
    x, y, outputs, jacobians = random_case(n, seed=n)
    chi, rho = np.ones(n), np.ones(n)
    if weights:
        chi = stages.bump(x)
        rho = np.random.default_rng(1).uniform(0.2, 2, n)
        rho /= rho.mean()
    found = stages.measure(
        x, y, outputs, kernels(jacobians), [0, 1, 2], loss=loss, m=M, chi=chi, rho=rho
    )
    at = [by_jacobian(x, y, *pair, loss, chi, rho) for pair in zip(outputs, jacobians, strict=True)]
    period = n * (x[1] - x[0])
    np.testing.assert_allclose(found.eta, np.arange(1, n // 2 + 1) / period)
    for f, eta in enumerate(found.eta):
        high = [one["xi"] > eta - 1e-9 for one in at]
        pairs = list(zip(at, high, strict=True))
        ratio = [abs(one["rate"][up].sum()) / one["change"] for one, up in pairs]
        low = [abs(one["rate"][~up].sum()) / one["change"] for one, up in pairs]
        np.testing.assert_allclose(found.loss_ratio[:, f], ratio, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(found.low_loss_ratio[:, f], low, rtol=1e-10, atol=1e-12)
        total = [np.linalg.norm(one["speed"]) for one in at]
        ratio = [np.linalg.norm(one["speed"][up]) for one, up in pairs] / np.array(total)
        low = [np.linalg.norm(one["speed"][~up]) for one, up in pairs] / np.array(total)
        np.testing.assert_allclose(found.output_ratio[:, f], ratio, rtol=1e-10)
        np.testing.assert_allclose(found.low_output_ratio[:, f], low, rtol=1e-10)
    for i, m in enumerate(M):
        for scaled in (False, True):
            size = [one["xi"] ** m if scaled else (1 + one["xi"] ** 2) ** (m / 2) for one in at]
            pairs = list(zip(at, size, strict=True))
            plain = np.array([np.linalg.norm(s * one["sensitivity"]) for one, s in pairs])
            weighted = [np.linalg.norm(s * one["weighted_sensitivity"]) for one, s in pairs]
            force = np.array([one["force"] / one["slope"] for one in at])
            first, last = np.max(plain * force), plain.max() * force.max()
            constants = {"initial_output": first, "final_output": last}
            if loss == "mse":
                sums = [s @ one["grad_q"] / one["grad_L"] for one, s in pairs]
                root = max(np.sqrt(one["L"]) / one["grad_L"] for one in at)
                constants |= {"initial": max(sums), "final": 2 * max(weighted) * root}
            for name, constant in constants.items():
                bound = getattr(found, name)
                at_m = bound.scaled_constant[i] if scaled else bound.constant[i]
                np.testing.assert_allclose(at_m, constant, rtol=1e-10, err_msg=name)


def test_quadratic_forms_are_norms_of_the_jacobian_by_automatic_differentiation():
    n = 24
    x = -1 + 2 * np.arange(n) / n
    y = np.sin(3 * x)
    net = nets.mlp(jax.random.key(0), widths=(1, 12, 9, 1), activation="tanh", weight_std=1.0)
    chi = stages.bump(x)
    leaves, tree = jax.tree.flatten(net)
    is_array = [isinstance(leaf, jax.Array) for leaf in leaves]

    def outputs(arrays):
        own = iter(arrays)
        filled = [next(own) if a else leaf for a, leaf in zip(is_array, leaves, strict=True)]
        return jax.tree.unflatten(tree, filled)(x)

    arrays = [leaf for a, leaf in zip(is_array, leaves, strict=True) if a]
    parts = jax.jit(jax.jacrev(outputs))(arrays)
    jacobian = np.concatenate([np.reshape(part, (n, -1)) for part in parts], axis=1)
    h = np.asarray(net(x))
    found = stages.measure(x, y, [h], nets.tangent_kernel(net, x, x), [0.0], m=M, chi=chi)
    one = by_jacobian(x, y, h, jacobian, "mse", chi, np.ones(n))
    size = np.hypot(1, one["xi"]) ** np.array(M)[:, None]
    np.testing.assert_allclose(
        found.initial.constant, size @ one["grad_q"] / one["grad_L"], rtol=1e-10
    )
    norms = np.linalg.norm(size * one["sensitivity"], axis=1)
    expected = 2 * norms * np.sqrt(one["L"]) / one["grad_L"]
    np.testing.assert_allclose(found.final.constant, expected, rtol=1e-10)


def test_loss_ratio_is_that_of_differences_along_the_flow():
    n, law = 16, lfp.TwoLayer(sigma_b=4.0)
    x = -1 + 2 * np.arange(n) / n
    y = np.sin(4 * x) + x
    before, at, after = 0.0999, 0.1, 0.1001
    h = np.asarray(lfp.solve(law, x, y, [before, at, after]).fitted)
    found = stages.measure(x, y, h[1:2], law.kernel(x, x), [at])
    power = np.abs(np.fft.fft((h - y), axis=1) / n) ** 2
    k = np.abs(np.fft.fftfreq(n, 1 / n))
    loss = power.sum(axis=1)
    for f in range(n // 2):
        high = power[:, k >= f + 1].sum(axis=1)
        expected = abs(high[2] - high[0]) / abs(loss[2] - loss[0])
        assert found.loss_ratio[0, f] == pytest.approx(expected, rel=1e-4)


def test_cut_off_and_density_are_those_of_a_transformed_problem():
    n = 18
    x, y, outputs, jacobians = random_case(n)
    chi, rho = stages.bump(x), np.linspace(0.5, 1.5, n)
    root = chi * np.sqrt(rho)
    found = stages.measure(x, y, outputs, kernels(jacobians), [0, 1, 2], chi=chi, rho=rho)
    same = stages.measure(
        x, root * y, root * outputs, kernels(root[:, None] * jacobians), [0, 1, 2]
    )
    for name in ("loss_ratio", "rayleigh"):
        np.testing.assert_allclose(getattr(found, name), getattr(same, name), rtol=1e-12)
    np.testing.assert_allclose(found.initial.constant, same.initial.constant, rtol=1e-12)
    np.testing.assert_allclose(found.final.constant, same.final.constant, rtol=1e-12)
    called = stages.measure(
        x,
        y,
        outputs,
        kernels(jacobians),
        [0, 1, 2],
        chi=lambda at: np.interp(at, x, chi),
        rho=lambda at: 7 * np.interp(at, x, rho),
    )
    np.testing.assert_allclose(called.output_ratio, found.output_ratio, rtol=1e-12)
    np.testing.assert_allclose(called.final.bound, found.final.bound, rtol=1e-12)


def test_density_counts_up_to_a_factor():
    x, y, outputs, kernel, ts = decaying_case()
    found = stages.measure(x, y, outputs, kernel, ts).intermediate
    same = stages.measure(x, y, outputs, kernel, ts, rho=np.full(len(x), 7.0)).intermediate
    np.testing.assert_allclose(same.bound, found.bound, rtol=1e-12)
    np.testing.assert_allclose(same.loss_error, found.loss_error, rtol=1e-9)


def test_each_time_is_measured_by_its_own_kernel():
    x, y, outputs, jacobians = random_case(12)
    kernel = kernels(jacobians)
    found = stages.measure(x, y, outputs, kernel, [0, 0, 0])
    sizes = np.array([1.0, 1e-25, 1e25])[:, None, None]
    scaled = stages.measure(x, y, outputs, sizes * kernel, [0, 0, 0])
    for name in ("loss_ratio", "output_ratio"):
        np.testing.assert_allclose(getattr(scaled, name), getattr(found, name), rtol=1e-9)


def test_rayleigh_quotient_is_loss_over_gradient():
    x, y, outputs, jacobians = random_case(12)
    found = stages.measure(x, y, outputs, kernels(jacobians), [0, 1, 2])
    for t, (h, jacobian) in enumerate(zip(outputs, jacobians, strict=True)):
        gradient = 2 / 12 * jacobian.T @ (h - y)
        quotient = np.sqrt(np.mean((h - y) ** 2)) / np.linalg.norm(gradient)
        assert found.rayleigh[t] ** -0.5 / 2 == pytest.approx(quotient, rel=1e-12)


@pytest.mark.filterwarnings("ignore:the loss falls")  # these outputs follow no flow
@pytest.mark.parametrize("weights", [False, True])
def test_least_rayleigh_quotient_is_attained_and_never_passed(weights):
    n = 12
    x, y, _, jacobians = random_case(n)
    kernel = kernels(jacobians)
    chi, rho = np.ones(n), np.ones(n)
    if weights:
        chi = np.linspace(0.5, 2, n)
        rho = np.random.default_rng(1).uniform(0.2, 2, n)
        rho /= rho.mean()
    least = stages.least_rayleigh(x, kernel, chi=chi, rho=3 * rho)
    slowest = []
    for one in kernel:
        weighted = (chi * np.sqrt(rho))[:, None] * one * (chi * np.sqrt(rho)) / n
        values, vectors = np.linalg.eigh(weighted)
        slowest.append(y + vectors[:, 0] / (chi * np.sqrt(rho)))
        assert least[len(slowest) - 1] == pytest.approx(values[0], rel=1e-9)
    found = stages.measure(x, y, slowest, kernel, [0, 1, 2], chi=chi, rho=rho)
    np.testing.assert_allclose(found.rayleigh, least, rtol=1e-9)
    others = y + np.random.default_rng(2).normal(size=(3, n))
    found = stages.measure(x, y, others, kernel, [0, 1, 2], chi=chi, rho=rho)
    assert (found.rayleigh > least).all()


def test_least_rayleigh_quotient_leaves_out_points_without_weight():
    n = 12
    x, _, _, jacobians = random_case(n)
    kernel = kernels(jacobians)[0]
    chi = np.where(np.arange(n) < 3, 0.0, 1.0)
    least = stages.least_rayleigh(x, kernel, chi=chi)
    assert least.shape == (1,)
    assert least[0] == pytest.approx(np.linalg.eigvalsh(kernel[3:, 3:] / n)[0], rel=1e-9)


def test_least_rayleigh_quotient_below_rounding_is_zero():
    x = np.arange(40) / 40
    smooth = np.exp(-(np.subtract.outer(x, x) ** 2))
    np.testing.assert_array_equal(stages.least_rayleigh(x, smooth), [0.0])


def test_a_kernel_that_does_not_change_is_given_once():
    x, y, outputs, jacobians = random_case(12)
    kernel = kernels(jacobians)[0]
    once = stages.measure(x, y, outputs, kernel, [0, 1, 2])
    along = stages.measure(x, y, outputs, np.stack(3 * [kernel]), [0, 1, 2])
    np.testing.assert_allclose(once.loss_ratio, along.loss_ratio, rtol=1e-9)
    np.testing.assert_allclose(once.final.bound, along.final.bound, rtol=1e-12)


def decaying_case():
    """An NTK flow, and the times at which it is recorded."""
    n, law = 15, lfp.TwoLayer(sigma_b=3.0)
    x = -1 + 2 * np.arange(n) / n
    y = np.sin(5 * x) - x**2
    ts = lfp.times(law.ntk, x, decades=4, points=100)
    return x, y, np.asarray(lfp.solve(law.ntk, x, y, ts).fitted), law.ntk(x, x), ts


def test_scaled_bounds_do_not_depend_on_the_unit_of_x():
    x, y, outputs, kernel, ts = decaying_case()
    here = stages.measure(x, y, outputs, kernel, ts)
    there = stages.measure(40 * x, y, outputs, kernel, ts)
    np.testing.assert_allclose(there.eta, here.eta / 40)
    for name in ("initial", "intermediate", "final"):
        one, other = getattr(here, name), getattr(there, name)
        np.testing.assert_allclose(one.scaled_bound, other.scaled_bound, rtol=1e-9)
        np.testing.assert_allclose(one.ratio, other.ratio, rtol=1e-9, atol=1e-15)
        assert (other.bound > 2 * one.bound).all()  # these do: eta << 1 there
        assert (other.bracket_bound < other.bound).all()


def test_bounds_do_not_depend_on_the_unit_of_time_or_the_factor_of_the_loss():
    x, y, outputs, kernel, ts = decaying_case()
    here = stages.measure(x, y, outputs, kernel, ts).intermediate
    assert len(here.windows) > 3
    without_half = lfp.Loss(lambda r: r**2, lambda r: 2 * r)  # its flow is twice as fast
    there = stages.measure(x, y, outputs, kernel, ts / 2, loss=without_half).intermediate
    for name in ("ratio", "bound", "loss_error", "error"):
        np.testing.assert_allclose(getattr(here, name), getattr(there, name), rtol=1e-9)
    np.testing.assert_allclose(there.constant, np.sqrt(2) * here.constant)
    np.testing.assert_allclose(there.windows, here.windows / 2)


def test_windows_are_successive_half_lives():
    x, y, outputs, kernel, ts = decaying_case()
    found = stages.measure(x, y, outputs, kernel, ts).intermediate
    loss = dict(zip(ts, np.mean((outputs - y) ** 2, axis=1), strict=True))
    assert (found.windows[1:, 0] == found.windows[:-1, 1]).all()
    for first, last in found.windows:
        assert loss[last] <= loss[first] / 2
        assert all(loss[t] > loss[first] / 2 for t in ts if first <= t < last)


def test_given_windows_and_share_are_used():
    x, y, outputs, kernel, ts = decaying_case()
    chosen = [[ts[0], ts[-1]], [ts[10], ts[90]]]
    found = stages.measure(x, y, outputs, kernel, ts, windows=chosen, share=0.9).intermediate
    np.testing.assert_array_equal(found.windows, chosen)
    half = stages.measure(x, y, outputs, kernel, ts, windows=chosen).intermediate
    np.testing.assert_array_equal(half.ratio, found.ratio)
    np.testing.assert_allclose(found.constant, 5 * half.constant)  # 1/(1 - share)


def test_intermediate_constants_are_those_of_the_paper():
    x, y, outputs, kernel, ts = decaying_case()
    found = stages.measure(x, y, outputs, kernel, ts, m=M).intermediate
    n, period = len(x), len(x) * (x[1] - x[0])
    k, wave = waves(n)
    square = np.einsum("kj,jl,kl->k", wave.conj(), kernel, wave).real
    for i, m in enumerate(M):
        c1 = np.sqrt(np.sum((1 + (k / period) ** 2) ** m * square))
        c2 = 0.5
        np.testing.assert_allclose(found.constant[:, i], 4 * np.sqrt(2 * c2) * c1, rtol=1e-9)
        np.testing.assert_allclose(found.decrease.constant[:, i], 4 * np.sqrt(c2) * c1, rtol=1e-9)
    spans = np.sqrt(found.windows[:, 1] - found.windows[:, 0])[:, None, None]
    eta = np.arange(1, n // 2 + 1) / period
    expected = found.constant[:, :, None] * spans * eta ** -np.array(M)[:, None]
    np.testing.assert_allclose(found.bound, expected, rtol=1e-9)


def test_a_window_without_time_is_bounded_by_theorem_3():
    x, y, outputs, kernel, ts = decaying_case()
    found = stages.measure(x, y, outputs, kernel, ts, windows=[[ts[0], ts[-1]]])
    np.testing.assert_allclose(found.intermediate.uniform.constant[0], found.final.constant)


def test_low_ratio_of_a_window_is_that_of_its_rates():
    x, y, outputs, kernel, ts = decaying_case()
    found = stages.measure(x, y, outputs, kernel, ts, windows=[[ts[0], ts[-1]]])
    over = found.intermediate
    n = len(x)
    k, wave = waves(n)
    u = (outputs - y) @ wave.T
    change = -kernel @ (outputs - y).T / n
    rate = 2 * (u.conj() * (wave @ change).T).real
    total = np.trapezoid(np.abs(rate.sum(axis=1)), ts)
    for f, eta in enumerate(found.eta):
        low = np.abs(k) / (n * (x[1] - x[0])) < eta - 1e-9
        expected = np.trapezoid(np.abs(rate[:, low].sum(axis=1)), ts) / total
        # total is no less than the variation of L
        assert expected * (1 - over.loss_error[0]) <= over.low_ratio[0, f] <= expected + 1e-12


def test_corollary_3_has_one_constant_for_both_ratios():
    x, y, outputs, kernel, ts = decaying_case()
    over = stages.measure(x, y, outputs, kernel, ts).intermediate
    np.testing.assert_allclose(over.uniform_decrease.ratio, over.decrease.ratio, rtol=1e-12)
    np.testing.assert_array_equal(over.uniform_decrease.constant, over.uniform.constant)
    np.testing.assert_array_equal(over.uniform_decrease.bound, over.uniform.bound)


def test_integrals_are_within_their_error_of_those_of_fine_recordings():
    x, y, _, kernel, _ = decaying_case()
    law = lfp.TwoLayer(sigma_b=3.0)
    ends = [1.0, 500.0]
    measured = []
    for points in (20, 39, 2000):
        ts = np.geomspace(*ends, points)
        outputs = lfp.solve(law.ntk, x, y, ts).fitted
        stage = stages.measure(x, y, outputs, kernel, ts, windows=[[ts[0], ts[-1]]])
        measured.append(stage.intermediate)
    coarse, half, fine = measured
    for one in (coarse, half):
        assert (np.abs(one.ratio - fine.ratio) <= one.error + fine.error).all()
        assert (np.abs(one.low_ratio - fine.low_ratio) <= one.low_error + fine.low_error).all()
    assert fine.loss_error[0] < 1e-4
    assert half.loss_error[0] / coarse.loss_error[0] == pytest.approx(0.25, rel=0.15)


def test_error_of_an_integral_counts_a_change_of_sign():
    ts = np.array([0.0, 3.0, 5.0])
    rate, values = (
        np.array([4.0, -2.0, -2.0]),
        np.array([1.0, 4.0, 0.0]),
    )  # the line's own integrals
    exact = 4.0 * 2 / 2 + 2.0 * 1 / 2 + 2 * 2
    by_trapezoids = 3.0 * (4 + 2) / 2 + 2 * 2
    assert missed(rate, values, np.diff(ts)) == pytest.approx(by_trapezoids - exact)


def test_the_slowest_flow_of_one_frequency_attains_the_scaled_bound():
    n = 16
    x = np.arange(n) / n
    angle = 2 * np.pi * 3 * x
    features = np.stack([np.cos(angle), np.sin(angle)])
    found = stages.measure(x, np.cos(angle), [0 * x], features.T @ features, [0.0], m=(1, 2))
    at = 2  # eta = 3
    assert found.loss_ratio[0, at] == pytest.approx(1)
    bound = found.initial.scaled_bound[:, at]
    np.testing.assert_allclose(bound, 1)
    assert not (found.loss_ratio[0, at] <= bound / 2).any()  # half the constant is too small


def test_eta_between_the_frequencies_counts_those_above():
    x, y, outputs, jacobians = random_case(16)
    every = stages.measure(x, y, outputs, kernels(jacobians), [0, 1, 2])
    step = every.eta[0]
    chosen = [0.5 * step, 2 * step, 2.5 * step, 8 * step]
    found = stages.measure(x, y, outputs, kernels(jacobians), [0, 1, 2], eta=chosen)
    np.testing.assert_array_equal(found.eta, chosen)
    np.testing.assert_array_equal(found.loss_ratio, every.loss_ratio[:, [0, 1, 2, 7]])
    np.testing.assert_allclose(
        found.final.bound, found.final.constant[:, None] * found.eta ** -found.m[:, None]
    )


def test_tightest_bound_and_slack_are_minima():
    x, y, outputs, kernel, ts = decaying_case()
    found = stages.measure(x, y, outputs, kernel, ts)
    bound = found.final
    every = np.concatenate([bound.bound, bound.bracket_bound, bound.scaled_bound])
    np.testing.assert_array_equal(bound.tightest, every.min(axis=0))
    np.testing.assert_allclose(bound.slack, bound.tightest / found.loss_ratio.max(axis=0))
    over = found.intermediate
    every = np.concatenate([over.bound, over.bracket_bound, over.scaled_bound], axis=1)
    np.testing.assert_array_equal(over.tightest, every.min(axis=1))


def test_slack_without_windows_is_infinite():
    x, y, outputs, kernel, ts = decaying_case()
    found = stages.measure(x, y, outputs[:1], kernel, ts[:1])
    assert len(found.intermediate.windows) == 0
    np.testing.assert_array_equal(found.intermediate.slack, np.full(len(found.eta), np.inf))


def test_slack_of_nothing_bounded_by_nothing_is_unknown():
    ratio = np.array([[0.0, 0.0, 0.5]])
    bound = np.array([[0.0, 2.0, 1.0]])
    none = np.ones(1)
    found = Bound(ratio, none, bound, bound, none, bound, {})
    np.testing.assert_array_equal(found.slack, [np.nan, np.inf, 2.0])


def test_frequencies_below_dissipate_from_the_eta_on_that_the_corollary_says():
    x, y, outputs, kernel, ts = decaying_case()
    early = slice(0, 50)  # of late times C is large
    found = stages.measure(x, y, outputs[early], kernel, ts[early], m=(2, 4, 8))
    below = found.dissipation
    np.testing.assert_allclose(np.abs(below.rate), found.low_loss_ratio)
    for i, m in enumerate(found.m):
        assert found.initial.constant[i] * below.since[i] ** -m == pytest.approx(1)
        assert (below.rate[:, found.eta > below.since[i]] <= 0).all()
    assert (found.eta > below.since.min()).any()


def test_exponent_is_the_power():
    scale = np.array([1.0, 2, 5, 9, 20])
    values = 3 * scale ** np.array([[-1.5], [2.0]])
    values[0, 2] = 0.0  # left out
    np.testing.assert_allclose(stages.exponent(scale, values), [-1.5, 2.0])
    np.testing.assert_allclose(stages.exponent(scale, values[0]), -1.5)


def test_bump_is_one_in_the_middle_and_smooth_at_the_ends():
    x = 2 + 5 * np.arange(4000) / 4000
    chi = stages.bump(x, flat=0.4)
    assert (chi[np.abs(x - 4.5) < 0.999] == 1).all()
    assert (chi[np.abs(x - 4.5) > 1.2] < 1).all()
    assert chi[0] == 0
    np.testing.assert_allclose(chi[1:], chi[:0:-1])
    share = np.abs(np.fft.rfft(chi)) / 4000
    assert share[200:].max() < 1e-12  # no power of 1/k


def test_density_of_many_points_is_theirs():
    x = 3 * np.arange(60) / 60
    at = stages.density(x, [0.1, 5.9], bandwidth=0.2)  # the second is at 2.9, round the corner
    np.testing.assert_allclose(at.mean(), 1)
    assert np.argmax(at) == 0
    np.testing.assert_allclose(at[1:], at[:0:-1])
    points = 3 * (np.arange(6000) / 6000) ** 0.5  # density 2x/9
    rho = stages.density(x, points, bandwidth=0.05)
    middle = (x > 0.5) & (x < 2.5)
    np.testing.assert_allclose(rho[middle], 2 * x[middle] / 3, rtol=0.02)
