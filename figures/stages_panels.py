"""Facts and panels of the two trainings of `stages_trainings`."""

from typing import Any

import gallery
import numpy as np
import xarray
from scipy.stats import rankdata
from stages_trainings import CONVERGED, FOURTH, STAGES

from compare import stages, style

WORDS = {"adam": "Adam", "flow": "gradient flow"}
LABELS = {"adam": "one step of Adam", "flow": "gradient flow"}
COLOURS = {"adam": style.COLOURS["plain"], "flow": style.COLOURS["antisymmetric"]}


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
    ratio = data[f"{name}_window_ratio"].values
    ratio = ratio[np.isfinite(ratio)]  # from T1 on
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
            f"{words}, final: least Delta_F of the peaks beyond the fourth",
            final[peak][4:].min(),
            CONVERGED,
        ),
        gallery.Fact(
            f"{words}, final: rank correlation of peak and Delta_F",
            _rank_correlation(k[peak], final[peak]),
            above=0.8,
        ),
        gallery.Fact(
            f"{words}, intermediate: ratio at the last T2 over that at the first",
            ratio[-1] / ratio[0],
            above=1.5,
        ),
        gallery.Fact(
            f"{words}, intermediate: largest fall of the ratio on the way, over its maximum",
            (np.maximum.accumulate(ratio) - ratio).max() / ratio.max(),
            below=0.1,
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
    axes["f"].legend(  # has room
        *axes["e"].get_legend_handles_labels(),
        fontsize=6.5,
        title="in (d), (e), (g), (h):",
        title_fontsize=6.5,
    )
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
    axis.axhline(CONVERGED, color=style.GUIDE, lw=0.8, ls="--")
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
