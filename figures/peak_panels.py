"""What the trainings of Xu, Zhang, Xiao 2019 share: Delta_F peak by peak, measured and drawn.

One part of a figure is one training, reduced to `Delta_F = |f^ - h^|/|f^|` (their eq. 1) at the
first frequencies and recorded steps. A peak has converged at the step from which its Delta_F
stays below a threshold, single jumps apart: a single crossing may be chance.
"""

from typing import Any

import gallery
import numpy as np
import xarray
from matplotlib.colors import LogNorm
from scipy.ndimage import median_filter
from scipy.signal import find_peaks
from scipy.stats import spearmanr
from training_recipe import Recipe

from compare import spectra, style

MEDIAN = 5  # recordings
CONVERGED = 0.2  # Delta_F below which the paper's colours leave blue
SHOWN = 40  # frequencies that the paper shows
TINY = 1e-12  # Delta_F that logarithms see instead of 0
FLOOR = 1e-4  # of the largest amplitude: what is smaller is zero up to rounding
HIGHER = 4 / 3  # a peak stands so many times above the higher of the valleys beside it
POINTS = 64  # at most, of a drawn curve
DOMINANT = 0.05  # of the largest amplitude, which a peak reaches


def measured(
    parts: gallery.Cache, name: str, recipe: Recipe, x: np.ndarray, y: np.ndarray, seed: int
) -> xarray.Dataset:
    """Delta_F (step, frequency) and the loss of one training on a uniform grid."""

    def compute() -> xarray.Dataset:
        run = recipe.train(x, y, seed, checkpoint=parts.checkpoint(name))
        return reduced(run, x, y, run.fitted)

    return parts.part(name, compute)


def over_seeds(
    parts: gallery.Cache, name: str, recipe: Recipe, x: np.ndarray, y: np.ndarray, seeds: int
) -> xarray.Dataset:
    """`measured` for seeds 0, 1, ..."""
    runs = [measured(parts, f"{name}-{seed}", recipe, x, y, seed) for seed in range(seeds)]
    return along_seeds(runs)


def along_seeds(runs: list[xarray.Dataset]) -> xarray.Dataset:
    """One dataset of the runs of seeds 0, 1, ..."""
    trajectories = [name for name, values in runs[0].items() if "step" in values.dims]
    found = xarray.concat(runs, "seed", data_vars=trajectories, coords="minimal")
    return found.assign_coords(seed=range(len(runs)))


def reduced(run: Any, x: np.ndarray, y: np.ndarray, outputs: np.ndarray) -> xarray.Dataset:
    """Spectrum of y with its peaks, Delta_F of outputs (T, n), at k = 1 .. SHOWN, and the loss.

    k = xi P with P = n dx: x is a uniform grid.
    """
    xi = spectra.frequencies(x)[:SHOWN]
    target = spectra.spectrum(x, y, xi)
    amplitude = np.abs(target)
    error = spectra.relative_error(
        np.where(amplitude > FLOOR * amplitude.max(), target, 0),
        spectra.spectrum(x, np.asarray(outputs, dtype=np.float64), xi),
    )
    return xarray.Dataset(
        {
            "amplitude": ("frequency", amplitude),
            "peak": ("frequency", peaks(amplitude)),
            "relative_error": (("step", "frequency"), error.astype(np.float32)),
            "loss": ("step", np.asarray(run.loss, dtype=np.float32)),
        },
        {
            "step": ("step", run.steps, {"long_name": "steps of the optimiser"}),
            "frequency": ("frequency", np.arange(1, len(xi) + 1), {"units": "1/P, P = n dx"}),
        },
    )


def peaks(amplitude: np.ndarray) -> np.ndarray:
    """Marks the local maxima that are `HIGHER` than their valleys and `DOMINANT`, (F,)."""
    logs = np.log(np.maximum(amplitude, FLOOR * amplitude.max()))
    padded = np.concatenate([[logs.min()], logs, [logs[-1]]])
    height = logs.max() + np.log(DOMINANT)
    marked = np.zeros(len(amplitude), dtype=bool)
    marked[find_peaks(padded, height=height, prominence=np.log(HIGHER))[0] - 1] = True
    return marked


def at_peaks(data: xarray.Dataset) -> xarray.Dataset:
    """The peaks only."""
    return data.isel(frequency=np.flatnonzero(data["peak"].values))


def converged(data: xarray.Dataset, threshold: float = CONVERGED) -> np.ndarray:
    """Step from which Delta_F stays below the threshold, (..., F); NaN if there is none.

    Of Delta_F its median over MEDIAN recordings is taken: stochastic gradients and late steps of
    Adam make single ones jump. Between two recordings log Delta_F is interpolated.
    """
    error = data["relative_error"].transpose(..., "step", "frequency").values
    axis = error.ndim - 2
    smooth = np.maximum(median_filter(error, size=MEDIAN, axes=axis, mode="nearest"), TINY)
    below = np.flip(smooth < threshold, axis)
    stays = np.flip(np.logical_and.accumulate(below, axis=axis), axis)
    after = np.expand_dims(np.argmax(stays, axis=axis), axis)
    before = np.maximum(after - 1, 0)
    logs = [np.log(np.take_along_axis(smooth, at, axis) / threshold) for at in (before, after)]
    step = data["step"].values.astype(float)
    part = np.where(after > before, logs[0] / np.where(after > before, logs[0] - logs[1], 1), 0)
    found = step[before] + part * (step[after] - step[before])
    return np.where(stays[..., -1, :], found.squeeze(axis), np.nan)


def orders(data: xarray.Dataset, threshold: float = CONVERGED) -> np.ndarray:
    """Spearman's rank correlation of frequency and step of convergence, of each seed.

    What has not converged at the end comes last; 1 is from low to high without exception. NaN where
    all converge at once, or none does.
    """
    times = np.nan_to_num(converged(data, threshold), nan=np.inf)
    places = np.arange(times.shape[-1])
    return np.array(
        [
            spearmanr(places, row).statistic if len(np.unique(row)) > 1 else np.nan
            for row in np.atleast_2d(times)
        ]
    )


def order(data: xarray.Dataset, threshold: float = CONVERGED) -> float:
    """The lowest of `orders`."""
    return float(orders(data, threshold).min())


def draw_spectrum(axis: Any, data: xarray.Dataset, label: str) -> None:
    """`|f^|` with its peaks as dots."""
    shown = np.maximum(data["amplitude"], FLOOR * data["amplitude"].max())
    axis.loglog(data["frequency"], shown, color=style.COLOURS["data"], label=label)
    chosen = at_peaks(data)
    axis.plot(chosen["frequency"], chosen["amplitude"], "ko", ms=4.5)
    axis.set_xlabel("frequency index k = ξP")
    axis.set_ylabel("amplitude |f̂|")


def draw_map(axis: Any, data: xarray.Dataset, *, rows: str) -> None:
    """Delta_F as colours, against step and frequency, of one seed.

    Args:
        rows: "frequencies", each a row at its index, or "peaks", one below the other.
    """
    figure = axis.figure
    one = data.isel(seed=0) if "seed" in data.dims else data
    index = one["frequency"].values
    places = np.arange(len(index)) if rows == "peaks" else index
    steps = one["step"].values.astype(float)
    edges = np.concatenate([steps[:1], (steps[1:] + steps[:-1]) / 2, steps[-1:]])
    error = one["relative_error"].transpose("frequency", "step").values
    image = axis.pcolormesh(
        edges,
        np.append(places - 0.5, places[-1] + 0.5),
        np.ma.masked_invalid(error),
        norm=LogNorm(0.02, 1),
        cmap=f"{style.SEQUENCE}_r",
        rasterized=True,
    )
    _steps(axis)
    axis.set_ylabel("frequency index of the peak" if rows == "peaks" else "frequency index k = ξP")
    if rows == "peaks":
        axis.set_yticks(places, [str(k) for k in index])
    figure.colorbar(image, ax=axis, label="ΔF", extend="both")


def draw_curves(axis: Any, data: xarray.Dataset, *, threshold: float = CONVERGED) -> None:
    """Delta_F at the peaks against the step: geometric mean over seeds, band from least to most."""
    last = data.sizes["step"] - 1
    few = np.append(np.arange(0, last, -(-data.sizes["step"] // POINTS)), last)
    error = data["relative_error"].isel(step=few)
    step = data["step"].values[few]
    for shade, k in zip(
        gallery.shades(data.sizes["frequency"]), data["frequency"].values, strict=True
    ):
        rows = np.maximum(error.sel(frequency=k), 1e-4)
        if "seed" in rows.dims:
            axis.fill_between(
                step, rows.min("seed"), rows.max("seed"), color=shade, alpha=0.2, lw=0
            )
            rows = np.exp(np.log(rows).mean("seed"))
        axis.semilogy(step, rows, color=shade, label=f"k = {k}")
    axis.axhline(threshold, color=style.GUIDE, lw=0.8, ls="--")
    _steps(axis)
    axis.set_ylabel("ΔF = |f̂ − ĥ| / |f̂|")
    axis.set_ylim(top=20)
    axis.legend(fontsize=7, ncols=2 if data.sizes["frequency"] == 4 else 3, loc="upper center")


def _steps(axis: Any) -> None:
    axis.set_xlabel("steps of the optimiser")
    axis.locator_params(axis="x", nbins=5)
