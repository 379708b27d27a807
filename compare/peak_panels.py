"""When each peak of a series' spectrum is learned: data, trajectories, times against theory."""

from typing import Any

import numpy as np
import xarray

from compare.style import COLOURS, LABELS, MARKERS
from compare.summary import groups


def draw_peaks(figure: Any, dataset: xarray.Dataset) -> None:
    """Left: data and spectrum; middle: relative error peak by peak; right: half-learning times."""
    figure.set_size_inches(14, 7.2)
    places = np.flatnonzero(dataset["peak"].values)
    rows = -(-len(places) // 2)
    left, middle, right = figure.subfigures(1, 3, width_ratios=[1.0, 1.45, 1.25])
    top, bottom = left.subplots(2, 1)
    _series(top, dataset)
    _spectrum(bottom, dataset, places)
    axes = middle.subplots(rows, 2, sharex=True, sharey=True, squeeze=False)
    _errors(middle, axes, dataset, places)
    _times(right.subplots(), dataset, places)


def _series(axes: Any, dataset: xarray.Dataset) -> None:
    axes.plot(dataset["x_original"], dataset["y_original"], color=COLOURS["data"], linewidth=1)
    axes.set_xlabel(_with_unit(dataset.attrs["x_name"], dataset["x_original"]))
    axes.set_ylabel(_with_unit(dataset.attrs["y_name"], dataset["y_original"]))
    axes.locator_params(axis="x", nbins=5, integer=True)
    axes.set_title(f"Data, {dataset.sizes['sample']} samples")


def _spectrum(axes: Any, dataset: xarray.Dataset, places: np.ndarray) -> None:
    xi = dataset["frequency"].values
    amplitude = np.abs(dataset["data_spectrum"].values)
    axes.loglog(xi, amplitude, color=COLOURS["data"], linewidth=1)
    axes.plot(xi[places], amplitude[places], "o", color=COLOURS["data"], markersize=4)
    for place in places.tolist():
        # away from a neighbouring peak, else above; the leftmost one inside the axes
        decades = np.log10(xi[places] / xi[place])
        similar = np.abs(np.log(amplitude[places] / amplitude[place])) < 1
        crowded = (np.abs(decades) < 0.3) & (decades != 0) & similar
        side = -np.sign(decades[crowded].sum()) if crowded.any() else 0
        axes.annotate(
            _period(dataset, place),
            (xi[place], amplitude[place]),
            textcoords="offset points",
            xytext=(0, 6),
            ha={-1: "right", 0: "center", 1: "left"}[int(side)] if place != places[0] else "left",
            fontsize=8,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8},
        )
    axes.set_ylim(top=3 * amplitude.max())
    axes.set_xlabel("frequency ξ (cycles per unit of scaled x)")
    axes.set_ylabel("|ŷ|, affine part removed")
    axes.set_title("Its spectrum and peaks, with their periods")


def _errors(figure: Any, axes: Any, dataset: xarray.Dataset, places: np.ndarray) -> None:
    """Relative error at each peak; of the networks the widest, mean over seeds."""
    time = dataset["time"].values
    for axis, place in zip(axes.flat, places.tolist(), strict=False):
        theory = dataset["relative_error_theory"].isel(frequency=place)
        for source, style in (("lfp", "-"), ("ntk", (0, (4, 1.5)))):
            axis.plot(time, theory.sel(source=source), color=COLOURS[source], linestyle=style)
        for group in groups(dataset):
            if group["width"] != _widest(dataset):
                continue
            at = dataset.sel(group).isel(frequency=place)
            at = at.isel(seed=slice(int(at["seeds"])))
            unscaled = group["lazy_scale"] < float(dataset["lazy_scale"].max())
            style = ":" if unscaled else "-"
            colour = COLOURS[group["initialization"]]
            # no mean once a training has failed: the other seeds are not the same mean
            mean = at["relative_error_network"].mean("seed", skipna=False)
            axis.plot(time, mean, color=colour, ls=style)
            if group["initialization"] == "antisymmetric" and not unscaled:
                mean = at["relative_error_linearized"].mean("seed")
                axis.plot(time, mean, color=COLOURS["linearized"], ls=(0, (1, 1)))
        axis.axhline(0.5, color="0.7", linewidth=0.8, zorder=0)
        axis.set_xscale("log")
        axis.set_ylim(0, 1.5)
        axis.text(0.04, 0.05, _period(dataset, place), transform=axis.transAxes)
    for axis in axes.flat[len(places) :]:
        axis.set_axis_off()
    figure.supxlabel("t λmax", fontsize=9)
    figure.supylabel(
        f"relative error of the spectrum at the peak (networks: width {_widest(dataset)})",
        fontsize=9,
    )
    figure.legend(handles=_legend(dataset), loc="outside upper center", ncols=2)


def _legend(dataset: xarray.Dataset) -> list:
    from matplotlib.lines import Line2D

    entries = [("lfp", "-", ""), ("ntk", (0, (4, 1.5)), ""), ("linearized", (0, (1, 1)), "")]
    for group in groups(dataset):
        if group["width"] == _widest(dataset):
            unscaled = group["lazy_scale"] < float(dataset["lazy_scale"].max())
            scale = f", α = {group['lazy_scale']:g}"
            entries.append((group["initialization"], ":" if unscaled else "-", scale))
    return [
        Line2D([], [], color=COLOURS[source], linestyle=style, label=LABELS[source] + scale)
        for source, style, scale in entries
    ]


def _times(axes: Any, dataset: xarray.Dataset, places: np.ndarray) -> None:
    """Measured half-learning times over predicted ones; an arrow where only a bound is known."""
    predicted = dataset["half_time_theory"].sel(source="lfp").values[places]
    last = float(dataset["time"][-1])
    reached = np.isfinite(predicted)
    limits = np.array([0.4 * np.min(predicted[reached], initial=last), 2.5 * last])
    axes.plot(limits, limits, color=COLOURS["lfp"], linewidth=1, label="LFP prediction")
    ntk = dataset["half_time_theory"].sel(source="ntk").values[places]
    axes.plot(predicted, ntk, "_", color=COLOURS["ntk"], markersize=14, label="NTK")
    rows = groups(dataset)
    for number, group in enumerate(rows):
        at = dataset.sel(group)
        mean = at["mean_half_time_network"].values[places]
        spread = np.nan_to_num(at["spread_half_time_network"].values[places])
        colour = COLOURS[group["initialization"]]
        marker = MARKERS[sorted({each["width"] for each in rows}).index(group["width"])]
        full = group["lazy_scale"] == float(dataset["lazy_scale"].max())
        offset = 1.06 ** (number - (len(rows) - 1) / 2)  # side by side, not on each other
        style = {"color": colour, "marker": marker, "mfc": colour if full else "white"}
        axes.errorbar(
            offset * predicted,
            mean,
            yerr=[np.minimum(spread, 0.9 * mean), spread],
            linestyle="none",
            markersize=5,
            elinewidth=0.8,
            label=f"{group['width']}, {group['initialization']}, α = {group['lazy_scale']:g} "
            f"(drift {float(at['mean_kernel_drift']):.2g})",
            **style,
        )
        unlearned = reached & ~np.isfinite(mean)
        for x in offset * predicted[unlearned]:
            axes.plot(x, last, markersize=5, linestyle="none", **style)
            axes.annotate(
                "",
                (x, 1.7 * last),
                (x, 1.05 * last),
                arrowprops={"arrowstyle": "->", "color": colour, "linewidth": 1},
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("half-learning time predicted by LFP, t λmax")
    axes.set_ylabel("half-learning time of the networks, t λmax")
    axes.set_title("Predicted and measured, no fitted constant\n(arrow: not all seeds by the end)")
    axes.legend(title="networks: width, initialization, lazy scale", loc="lower right")


def _widest(dataset: xarray.Dataset) -> int:
    return int(dataset["width"].max())


def _period(dataset: xarray.Dataset, place: int) -> str:
    unit = dataset["period"].attrs.get("units", "")
    period = float(dataset["period"][place])
    if unit == "year" and period < 1.5:
        return f"{12 * period:.3g} months"
    return f"{period:.3g} {unit}s" if unit else f"ξ = {float(dataset['frequency'][place]):.3g}"


def _with_unit(name: str, variable: xarray.DataArray) -> str:
    unit = variable.attrs.get("units", "")
    return f"{name} ({unit})" if unit else name
