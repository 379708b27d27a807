"""What figures 1 and 2 of Luo, Ma, Xu, Zhang 2019 share: two trainings, measured and drawn.

One training is by Adam, as in the paper, one by gradient flow, of which alone the theorems speak;
both start from the same parameters. Beside each change that an Adam step makes stands the one
that a gradient flow would make from the same parameters.
"""

from dataclasses import dataclass
from typing import Any

import gallery
import numpy as np
import xarray
from scipy.stats import rankdata

from compare import spectra, stages, style, targets

PEAKS = 10  # the largest ones, marked in (a): k = 1, 3, .., 19
FOURTH = 6  # index of the fourth peak, k = 7, among all frequencies
CONVERGED = 0.15  # Delta_F below which a peak is learned
SOURCES = ("adam", "flow from adam", "flow")
STAGES = ("initial", "final")
WORDS = {"adam": "Adam", "flow": "gradient flow"}
LABELS = {"adam": "one step of Adam", "flow": "gradient flow"}
COLOURS = {"adam": style.COLOURS["plain"], "flow": style.COLOURS["antisymmetric"]}
QUANTITIES = ("loss ratio", "output ratio", "loss bound", "output bound")


@dataclass(frozen=True)
class Recipe:
    """Both trainings.

    Attributes:
        widths, flow_widths: of the hidden layers under Adam and under gradient flow; tanh.
        loss: "mse", or 4 for the mean of (h - y)^4, in `nets`' units a quarter of that.
        rate, steps, records: of Adam, full batches, recorded in pairs of neighbouring steps.
        last, times, rtol: of gradient flow.
    """

    samples: int
    widths: tuple[int, ...]
    flow_widths: tuple[int, ...]
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
        intermediate: where Delta_F of the second peak is largest in the second half, in log time,
            of what lies between the first and the second peak.
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
    first, second, *others = np.argmax(reached, axis=0).tolist()
    middle = int(np.searchsorted(at, np.sqrt(at[first] * at[second])))
    rising = middle + int(np.argmax(peaks[middle : second + 1, 1]))
    return Errors(relative, first, rising, max(first, second, *others))


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
        worst.append(here.initial.ratio[0] / here.initial.tightest)
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
        recipe.network(recipe.flow_widths, "float64"),
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
    worst = [(one.ratio / one.tightest).max(axis=0) for one in (found.initial, found.final)]
    worst.insert(1, (between.ratio / between.tightest).max(axis=0))
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


def check(data: xarray.Dataset) -> list[gallery.Fact]:
    """What must be seen, for Adam and for gradient flow."""
    facts = [fact for name in WORDS for fact in _of_training(data, name)]
    within = [
        ("Theorem 1 at Adam's parameters", data["adam_worst"]),
        *((f"Theorem {k} along the flow", data["flow_worst"].sel(theorem=k)) for k in (1, 2, 3)),
    ]
    return (
        facts
        + [
            gallery.Fact(f"largest ratio over bound, {what}", float(worst.max()), 1e-3, 1.0)
            for what, worst in within
        ]
        + [
            gallery.Fact(
                "what Theorem 2's sums miss of the loss's fall",
                float(data["flow_window_error"]),
                below=0.1,
            )
        ]
    )


def _of_training(data: xarray.Dataset, name: str) -> list[gallery.Fact]:
    words, dim = WORDS[name], data[f"{name}_error"].dims[0]
    initial, final = (
        data[f"{name}_error"].sel({dim: when}).values for when in data[f"{name}_stage"].values
    )
    peak, k = data["peak"].values, data["frequency"].values
    curves = data["curves"].sel(source=name)
    early, late = (curves.sel(quantity="loss ratio", stage=stage).values for stage in STAGES)
    output = curves.sel(quantity="output ratio", stage="initial").values[FOURTH]
    white = np.sqrt(1 - FOURTH / len(k))  # of a change with all frequencies alike
    span, ratio = (data[f"{name}_{what}"].values for what in ("span", "window_ratio"))
    later = np.isfinite(span)
    return [
        gallery.Fact(
            f"{words}, initial: least Delta_F of the others", initial[peak][1:].min(), CONVERGED
        ),
        gallery.Fact(
            f"{words}, initial: k from which the loss ratio falls at the peaks",
            k[peak][_falling(early[peak])],
            below=6.0,
        ),
        gallery.Fact(
            f"{words}, initial: exponent of eta in the loss ratio",
            stages.exponent(k, early[None])[0],
            below=-0.7,
        ),
        gallery.Fact(
            f"{words}, initial: output ratio at the fourth peak over that of white noise",
            output / white,
            below=0.5,
        ),
        gallery.Fact(
            f"{words}, final: k from which the loss ratio falls at the peaks (eta_0)",
            k[peak][_falling(late[peak])],
            below=10.0,
        ),
        gallery.Fact(
            f"{words}, final: rank correlation of peak and Delta_F",
            _rank_correlation(k[peak], final[peak]),
            above=0.8,
        ),
        gallery.Fact(
            f"{words}, intermediate: rank correlation of T2 - T1 and the ratio",
            _rank_correlation(span[later], ratio[later]),
            above=0.9,
        ),
    ]


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's."""
    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])


def _falling(values: np.ndarray) -> int:
    """First index from which on every entry is below the one before."""
    rises = np.flatnonzero(np.diff(values) >= 0)
    return int(rises[-1]) + 1 if len(rises) else 0


def draw(data: xarray.Dataset) -> Any:
    """Spectrum and errors above, Adam in the middle, gradient flow below."""
    figure = gallery.canvas(11, 6)
    names = [["a", "b", "b", "c", "c"], list("defgh"), list("ijklm")]
    axes = figure.subplot_mosaic(names)
    k = data["frequency"].values
    peaks = data["peak"].values
    axes["a"].loglog(k, data["amplitude"], color=style.COLOURS["data"])
    axes["a"].plot(k[peaks], data["amplitude"].values[peaks], "ks", ms=4)
    axes["a"].set(title="target", xlabel="frequency index k = ξP", ylabel="amplitude |f̂|")
    _errors(axes["b"], data, "adam", "steps of Adam")
    _errors(axes["c"], data, "flow", "time t of gradient flow")
    for row, name in (("defgh", "adam"), ("ijklm", "flow")):
        panels = [axes[letter] for letter in row]
        for i, stage in enumerate(STAGES):
            for j, quantity in enumerate(("loss", "output")):
                _ratios(panels[3 * i + j], data, name, stage, quantity)
        _intermediate(panels[2], data, name)
    axes["f"].legend(*axes["e"].get_legend_handles_labels(), fontsize=6.5)  # has room
    for axis in axes.values():
        axis.minorticks_off()
    gallery.letters(axes.values())
    return figure


def _thin(k: np.ndarray) -> np.ndarray:
    """Indices of the frequencies that are drawn: the marked ones, some of the others."""
    return np.unique(np.append(np.arange(20), np.geomspace(20, len(k), 40).astype(int) - 1))


def _errors(axis: Any, data: xarray.Dataset, name: str, label: str) -> None:
    error = data[f"{name}_error"].isel(frequency=data["peak"].values)
    when = error[error.dims[0]].values
    for shade, k in zip(gallery.shades(error.sizes["frequency"]), error["frequency"], strict=True):
        words = f"k = {int(k)}" if k in (1, 3, 5, 7, 19) else None
        axis.loglog(
            when, np.maximum(error.sel(frequency=k), 1e-3), color=shade, lw=1.2, label=words
        )
    axis.axhline(CONVERGED, color=style.COLOURS["linearized"], lw=0.8, ls="--")
    initial, final = data[f"{name}_stage"].values
    marks = (("initial", initial), ("T₁", float(data[f"{name}_first"])), ("final", final))
    for words, at in marks:
        axis.axvline(at, color=style.COLOURS["data"], lw=0.8, ls=":")
        axis.annotate(
            words, (at, 0.02), xycoords=("data", "axes fraction"), rotation=90, fontsize=7
        )
    axis.set_title(f"{WORDS[name]}: error at the peaks k = 1, 3, .. 19")
    if name == "adam":
        axis.legend(fontsize=7, loc="lower left")
    axis.set(xlabel=label, ylabel="ΔF = |f̂ − ĥ| / |f̂|")


def _ratios(axis: Any, data: xarray.Dataset, name: str, stage: str, quantity: str) -> None:
    """One ratio of one training in one stage, with what bounds it."""
    shown = data.isel(frequency=_thin(data["frequency"].values))
    k, peaks = shown["frequency"].values, shown["peak"].values
    at = shown["curves"].sel(stage=stage)
    drawn = [(name, "ratio", LABELS[name], COLOURS[name])]
    theorem = 1 if stage == "initial" else 3
    if name == "adam":
        theorem = 1
        drawn.append(("flow from adam", "ratio", "flow from there", COLOURS["flow"]))
    source = drawn[-1][0]
    drawn.append((source, "bound", f"bound of Theorem {theorem}", style.COLOURS["bound"]))
    for one, part, label, colour in drawn:
        values = at.sel(source=one, quantity=f"{quantity} {part}").values
        if np.isnan(values).all():
            continue
        axis.loglog(k, values, "--" if part == "bound" else "-", color=colour, label=label, lw=1.2)
        if part == "ratio":
            axis.plot(k[peaks], values[peaks], ".", color=colour, ms=5)
    words = {"loss": "|dL⁺/dt| / |dL/dt|", "output": "‖dĥ/dt‖⁺ / ‖dĥ/dt‖"}[quantity]
    axis.set(title=f"{name.title()}, {stage}", ylabel=words)
    if name == "flow":
        axis.set_xlabel("η P")
    if quantity == "output" and name == "flow":
        axis.legend(fontsize=6.5, loc="lower left")


def _intermediate(axis: Any, data: xarray.Dataset, name: str) -> None:
    span, ratio = data[f"{name}_span"], data[f"{name}_window_ratio"]
    axis.plot(span, ratio, ".-", color=COLOURS[name], label=LABELS[name])
    if name == "flow":
        axis.loglog(
            span,
            data["flow_window_bound"],
            "--",
            color=style.COLOURS["bound"],
            label="bound of Corollary 2",
        )
        axis.legend(fontsize=6.5, loc="center right")
    else:
        axis.set_ylim(0, 1)
    axis.set(title=f"{name.title()}, from T₁ on, k = 7", ylabel="|ΔL⁺| / |ΔL|")
    axis.set(xlabel="T₂ − T₁" + (" (steps)" if name == "adam" else ""))
