"""The two trainings that figures 1 and 2 of Luo, Ma, Xu, Zhang 2019 share, measured.

One training is by Adam, as in the paper, one by gradient flow, of which alone the theorems speak;
both start from the same parameters. Beside each change that an Adam step makes stands the one
that a gradient flow would make from the same parameters.
"""

from dataclasses import dataclass
from typing import Any

import gallery
import numpy as np
import xarray

from compare import spectra, stages, targets

PEAKS = 10  # the largest ones, marked in (a): k = 1, 3, .., 19
FOURTH = 6  # index of the fourth peak, k = 7, among all frequencies
CONVERGED = 0.15  # Delta_F below which a peak is learned
SOURCES = ("adam", "flow from adam", "flow")
STAGES = ("initial", "final")
QUANTITIES = ("loss ratio", "output ratio", "loss bound", "output bound")


@dataclass(frozen=True)
class Recipe:
    """Both trainings.

    Attributes:
        widths: of the hidden layers; tanh.
        loss: "mse", or 4 for the mean of (h - y)^4, in `nets`' units a quarter of that.
        rate, steps, records: of Adam, full batches, recorded in pairs of neighbouring steps.
        last, times, rtol: of gradient flow.
    """

    samples: int
    widths: tuple[int, ...]
    rate: float
    steps: int
    last: float
    loss: str | int = "mse"
    records: int = 40
    times: int = 60
    rtol: float = 2e-3

    def network(self, widths: tuple[int, ...], dtype: str) -> Any:
        """Weights by Glorot's rule, biases from N(0, 0.1^2)."""
        import jax
        import jax.numpy as jnp

        import nets

        return nets.mlp(
            jax.random.key(0),
            widths=(1, *widths, 1),
            weight_std="glorot",
            bias_std=0.1,
            dtype=jnp.dtype(dtype),
        )

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """`sum_j sin(j x/10)/j`, j = 1 .. 500, at samples on [-3.14, 3.14] with both ends."""
        x, j = np.linspace(-3.14, 3.14, self.samples), np.arange(1, 501)
        return x, targets.sines(x, j / (20 * np.pi), amplitudes=1 / j)


@dataclass(frozen=True)
class Errors:
    """Delta_F at all frequencies, and the recordings of the stages.

    A peak is learned at the first recording with Delta_F < `CONVERGED`; it may overshoot later.

    Attributes:
        relative: `(T, F)`.
        initial, final: when the first peak, all of the first four are learned.
        intermediate: where Delta_F of the fourth peak is largest in the second half, in log time,
            of what lies between the first and the fourth peak.
    """

    relative: np.ndarray
    initial: int
    intermediate: int
    final: int


def errors_of(x: np.ndarray, y: np.ndarray, outputs: np.ndarray, at: np.ndarray) -> Errors:
    """From outputs `(T, n)` at times or steps `(T,)`."""
    xi = spectra.frequencies(x)
    target = spectra.spectrum(x, y, xi)
    relative = spectra.relative_error(target, spectra.spectrum(x, outputs, xi))
    peaks = relative[:, spectra.peaks(np.abs(target), PEAKS)][:, :4]
    reached = peaks < CONVERGED
    if not reached.any(axis=0).all():
        raise ValueError("the trainings must be long enough for four peaks to be learned")
    first, *others = np.argmax(reached, axis=0).tolist()
    fourth = others[-1]
    middle = int(np.searchsorted(at, np.sqrt(at[first] * at[fourth])))
    rising = middle + int(np.argmax(peaks[middle : fourth + 1, 3]))
    return Errors(relative, first, rising, max(first, *others))


def compute(recipe: Recipe, cache: gallery.Cache) -> xarray.Dataset:
    """Both trainings, reduced to the curves of the figure."""
    x, y = recipe.data()
    xi = spectra.frequencies(x)
    amplitude = np.abs(spectra.spectrum(x, y, xi))
    parts = [
        cache.part("adam", lambda: adam(recipe, x, y, cache)),
        cache.part("flow", lambda: flow(recipe, x, y, cache)),
    ]
    found = xarray.merge(
        [xarray.concat([part["curves"] for part in parts], "source")]
        + [part.drop_vars(["curves", "source"]) for part in parts]
    )
    return found.assign(
        amplitude=("frequency", amplitude), peak=("frequency", spectra.peaks(amplitude, PEAKS))
    )


def adam(recipe: Recipe, x: np.ndarray, y: np.ndarray, cache: gallery.Cache) -> xarray.Dataset:
    """Changes over single steps of Adam, and those of gradient flow from the same parameters.

    Steps are taken in float32; what the recorded parameters give is evaluated in float64, where
    differences of neighbouring recordings keep their high frequencies.
    """
    import optax

    import nets

    last = recipe.steps - 1
    half = recipe.records // 2
    starts = np.concatenate([np.geomspace(1, last, half), np.linspace(1, last, half)])
    starts = np.unique(starts.round().astype(int))
    at = np.unique(np.concatenate([starts, starts + 1]))
    run = nets.train(
        recipe.network(recipe.widths, "float32"),
        x,
        y,
        optimizer=optax.adam(recipe.rate),
        steps=recipe.steps,
        record_at=at,
        loss=recipe.loss,
        record="networks",
        checkpoint=cache.checkpoint("adam"),
    )
    networks = [_double(run.net_at(i)) for i in range(len(at))]
    outputs = np.stack([np.asarray(net(x)) for net in networks])
    places = np.searchsorted(at, starts)
    error = errors_of(x, y, outputs[places], starts)
    step, instant, worst = [], [], []
    for i in places[[error.initial, error.final]].tolist():
        change = stages.changes(x, y, outputs[i : i + 2])
        kernel = np.asarray(nets.tangent_kernel(networks[i], x, x))
        here = stages.measure(x, y, outputs[[i]], kernel, [0.0], loss=recipe.loss)
        nothing = np.full(len(change.eta), np.nan)
        step.append([change.loss_ratio[0], change.output_ratio[0], nothing, nothing])
        instant.append([here.loss_ratio[0], here.output_ratio[0], *_limits(here, "initial")])
        worst.append(_share(here.initial, here.initial_output)[0])
    spans, ratio = windows(x, y, outputs[places], error.intermediate, starts)
    return _dataset("adam", ("step", starts), error, run.loss[places], (spans, ratio)).assign(
        curves=(("source", "stage", "quantity", "frequency"), np.array([step, instant])),
        source=list(SOURCES[:2]),
        adam_worst=("frequency", np.max(worst, axis=0)),
    )


def flow(recipe: Recipe, x: np.ndarray, y: np.ndarray, cache: gallery.Cache) -> xarray.Dataset:
    """Ratios, constants and bounds of all three theorems along gradient flow, in float64."""
    import nets

    ts = np.geomspace(recipe.last * 1e-4, recipe.last, recipe.times)
    run = nets.gradient_flow(
        recipe.network(recipe.widths, "float64"),
        x,
        y,
        ts,
        loss=recipe.loss,
        rtol=recipe.rtol,
        record="networks",
        checkpoint=cache.checkpoint("flow"),
    )
    error = errors_of(x, y, run.fitted, ts)
    energy = ((run.fitted - y) ** 2).mean(axis=1)
    first = error.intermediate
    halved = np.flatnonzero((ts > ts[first]) & (energy <= energy[first] / 2))
    ends = np.stack([np.full(len(halved), ts[first]), ts[halved]], axis=1)
    kernels = run.kernels(x)
    found = stages.measure(x, y, run.fitted, kernels, ts, loss=recipe.loss, windows=ends)
    at = [error.initial, error.final]
    curves = [
        [found.loss_ratio[i], found.output_ratio[i], *_limits(found, stage)]
        for i, stage in zip(at, STAGES, strict=True)
    ]
    between = found.intermediate
    worst = [
        _share(*bounds).max(axis=0)
        for bounds in (
            (found.initial, found.initial_output),
            (between, between.decrease),
            (found.final, found.final_output),
        )
    ]
    limit = np.full(len(ts), np.nan)
    limit[halved] = between.decrease.tightest[:, FOURTH]
    spans, ratio = windows(x, y, run.fitted, error.intermediate, ts)
    return _dataset("flow", ("time", ts), error, run.loss, (spans, ratio)).assign(
        curves=(("source", "stage", "quantity", "frequency"), np.array([curves])),
        source=list(SOURCES[2:]),
        flow_worst=(("theorem", "frequency"), np.array(worst)),
        theorem=[1, 2, 3],
        flow_window_bound=("time", limit),
        flow_window_error=between.loss_error.max(),
    )


def windows(
    x: np.ndarray, y: np.ndarray, outputs: np.ndarray, first: int, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """`T2 - T1` and the ratio of the changes of `L_eta^+` and L at the fourth peak, T1 fixed.

    NaN up to T1, which is `at[first]`.
    """
    ratio = np.full(len(at), np.nan)
    for i in range(first + 1, len(at)):
        ratio[i] = stages.changes(x, y, outputs[[first, i]]).loss_ratio[0, FOURTH]
    return np.where(np.isnan(ratio), np.nan, at - at[first]), ratio


def _share(*bounds: Any) -> np.ndarray:
    """Ratio over bound of Theorem and Corollary, or of losses and outputs: the larger."""
    return np.fmax.reduce([bound.ratio / bound.tightest for bound in bounds])


def _limits(found: stages.Stages, stage: str) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of the loss ratio, NaN where the loss admits none, and of the output ratio."""
    output = getattr(found, f"{stage}_output").tightest
    if found.dissipation is None:
        return np.full_like(output, np.nan), output
    return getattr(found, stage).tightest, output


def _dataset(
    name: str,
    at: tuple[str, np.ndarray],
    error: Errors,
    loss: np.ndarray,
    window: tuple[np.ndarray, np.ndarray],
) -> xarray.Dataset:
    dim = at[0]
    return xarray.Dataset(
        {
            f"{name}_error": ((dim, "frequency"), error.relative.astype(np.float32)),
            f"{name}_loss": (dim, np.asarray(loss, dtype=np.float64)),
            f"{name}_span": (dim, window[0]),
            f"{name}_window_ratio": (dim, window[1]),
            f"{name}_stage": ("stage", at[1][[error.initial, error.final]]),
            f"{name}_first": at[1][error.intermediate],
        },
        {
            dim: at,
            "frequency": (
                "frequency",
                np.arange(1, error.relative.shape[1] + 1),
                {"units": "1/P, P = n dx"},
            ),
            "stage": list(STAGES),
            "quantity": list(QUANTITIES),
        },
    )


def _double(net: Any) -> Any:
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    return jax.tree.map(lambda leaf: leaf.astype(jnp.float64) if eqx.is_array(leaf) else leaf, net)
