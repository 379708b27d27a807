"""Few points: limits, splines and networks at the end, one column a study."""

from typing import Any

import numpy as np
import xarray

from compare.style import COLOURS, LABELS


def draw_points(figure: Any, datasets: list[xarray.Dataset]) -> None:
    """Top: the functions; bottom: their differences from the NTK limit."""
    figure.set_size_inches(4.6 * len(datasets), 6.4)
    axes = figure.subplots(2, len(datasets), sharex="col", squeeze=False, height_ratios=[1.5, 1])
    for (top, bottom), dataset in zip(axes.T, datasets, strict=True):
        _functions(top, dataset)
        _differences(bottom, dataset)
    axes[0, 0].set_ylabel("output h(x)")
    axes[1, 0].set_ylabel("difference from the NTK limit")
    entries = {}
    for axis in axes.flat:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    figure.legend(entries.values(), entries, loc="outside lower center", ncols=4)


def _functions(axes: Any, dataset: xarray.Dataset) -> None:
    chosen = dataset.attrs
    _curves(axes, dataset, reference=np.zeros(dataset.sizes["point"]))
    axes.plot(dataset["x"], dataset["y"], "o", color=COLOURS["data"], ms=5, label="data", zorder=5)
    axes.set_title(
        f"{chosen['name'].replace('_', ' ')}\nσa, σw, σb = {chosen['sigma_a']:g}, "
        f"{chosen['sigma_w']:g}, {chosen['sigma_b']:g}; validity {chosen['validity']:.2g}"
    )


def _differences(axes: Any, dataset: xarray.Dataset) -> None:
    reference = dataset["limit_probe"].sel(source="ntk").values
    _curves(axes, dataset, reference=reference)
    axes.plot(dataset["x"], 0 * dataset["x"], "o", color=COLOURS["data"], ms=4, zorder=5)
    axes.set_xlabel("x")
    drift = ", ".join(
        f"{group['initialization']} {float(at['mean_kernel_drift']):.1e}"
        for group, at in _widest(dataset)
    )
    axes.set_title(f"kernel drift: {drift}", fontsize=8)


def _curves(axes: Any, dataset: xarray.Dataset, reference: np.ndarray) -> None:
    point = dataset["point"]
    splines = (("cubic", "natural cubic spline", "-"), ("linear", "linear interpolation", "--"))
    for kind, label, style in splines:
        values = dataset["spline_probe"].sel(spline=kind) - reference
        axes.plot(point, values, color=COLOURS["spline"], linestyle=style, label=label, lw=1.2)
    for group, at in _widest(dataset):
        name = group["initialization"]
        label = f"{LABELS[name]}, width {group['width']}, α = {group['lazy_scale']:g}"
        for seed in range(int(at["seeds"])):
            values = at["network_probe"].isel(time=-1, seed=seed) - reference
            axes.plot(point, values, color=COLOURS[name], label=label, lw=0.9)
    for source, style in (("lfp", "-"), ("ntk", (0, (4, 1.5)))):
        values = dataset["limit_probe"].sel(source=source) - reference
        label = f"{LABELS[source]}, t → ∞"
        axes.plot(point, values, color=COLOURS[source], linestyle=style, label=label)


def _widest(dataset: xarray.Dataset) -> list[tuple[dict, xarray.Dataset]]:
    """The widest networks of each initialization at its largest lazy scale, plain ones first."""
    found = []
    for initialization in ("plain", "antisymmetric"):
        if initialization not in dataset["initialization"]:
            continue
        seeds = dataset["seeds"].sel(initialization=initialization)
        if not seeds.any():
            continue
        width = int(seeds["width"][seeds.any("lazy_scale").values.nonzero()[0].max()])
        scales = seeds["lazy_scale"][seeds.sel(width=width).values > 0]
        group = {
            "width": width,
            "initialization": initialization,
            "lazy_scale": float(scales.max()),
        }
        found.append((group, dataset.sel(group)))
    return found
