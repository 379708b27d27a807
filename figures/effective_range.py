"""A peak above the range that the samples resolve is fitted, and does not generalise.

Source: Xu, Zhang, Xiao 2019, Training behavior of deep neural network in frequency domain, section
4, which predicts it: "when the higher-frequency components are not negligible, e.g., there exists a
significant frequency peak above the effective frequency range, the DNN cannot generalize well".

Setting: y = sin(2 pi 2 x/P) + 0.5 cos(2 pi k x/P) at n = 40 even points from -1 to 1, P = n dx, so
that the effective range ends below k = 20; k from 4 to 76, tanh 200-200-200-100, weights and biases
from N(0, 0.1^2), full-batch Adam, as in fig. 3. No network of the paper belongs to this: the rate
is 1e-4, in place of 2e-5, and the loss is followed until peaks within the range are learned. Peaks
that are equal at the samples, k = 12 and 68, 4 and 76, 28 and 52, 36 and 44, have the same
training: with k = 8 the nine peaks are five trainings. Beside the networks, the limit of LFP (relu,
sigma_w, sigma_b = 1, 5) for the peak alone. Quick: n = 24, widths 64-64-64-32, rate 1e-3.

Must be seen:
- the samples are fitted, with peaks below and above the range alike;
- between the samples the peaks well below the end of the range, k = 4, 8, 12 below 19, are learned
  (nearer to it the error grows: that of LFP is 0.50 to 0.67 at k = 16 to 19);
- the error of those above the range is more than the peak itself: sqrt2 times, the alias being
  orthogonal to it;
- the output has the amplitude of the peak at its alias, and next to nothing at the peak itself.

    python figures/effective_range.py [--full]
"""

from dataclasses import dataclass
from typing import Any

import gallery
import numpy as np
import xarray
from peak_panels import Recipe

import lfp
from compare import spectra, style
from compare.generalization import error_by_frequency

LOW, AMPLITUDE = 2, 0.5  # index of the sine below, amplitude of the peak
POPULATION = 1200  # points between the samples
LAW = lfp.TwoLayer(activation="relu", sigma_b=5.0)


@dataclass(frozen=True)
class Setting:
    samples: int
    peaks: tuple[int, ...]
    seeds: int
    recipe: Recipe


QUICK = Setting(24, (5, 8, 19, 29, 43), 1, Recipe(widths=(64, 64, 64, 32), rate=1e-3, steps=2500))
FULL = Setting(40, (4, 8, 12, 28, 36, 44, 52, 68, 76), 2, Recipe(rate=1e-4, steps=8000))


def target(x: np.ndarray, peak: int, period: float) -> np.ndarray:
    """The sine and the peak."""
    angle = 2 * np.pi * x / period
    return np.sin(LOW * angle) + AMPLITUDE * np.cos(peak * angle)


def compute(setting: Setting, cache: gallery.Cache) -> xarray.Dataset:
    """Errors and outputs of every peak and seed, and the errors of the limit of LFP."""
    x = np.linspace(-1, 1, setting.samples)
    period = 1 / spectra.frequencies(x)[0]
    # one period, not the interval of the samples, so that waves of the grid are orthogonal
    points = -1 + period * np.arange(POPULATION) / POPULATION
    runs = [
        xarray.concat(
            [
                cache.part(f"peak-{k}-{seed}", lambda k=k, seed=seed: training(setting, k, seed))
                for seed in range(setting.seeds)
            ],
            "seed",
        )
        for k in setting.peaks
    ]
    data = xarray.concat(runs, xarray.Variable("peak", list(setting.peaks)))
    indices = np.arange(1, 2 * setting.samples)
    limit = error_by_frequency(LAW, x, indices / period)
    return data.assign(
        limit_samples=("index", limit.at_samples),
        limit_population=("index", limit.at_population),
        range=limit.range.limit * period,
        nyquist=limit.range.nyquist * period,
    ).assign_coords(index=indices, point=points, sample=x, seed=range(setting.seeds))


def training(setting: Setting, peak: int, seed: int) -> xarray.Dataset:
    """One of them: output on one period, and root mean square errors over the peak's."""
    x = np.linspace(-1, 1, setting.samples)
    period = 1 / spectra.frequencies(x)[0]
    points = -1 + period * np.arange(POPULATION) / POPULATION
    run = setting.recipe.train(x, target(x, peak, period), seed, probe=points)
    inside = points <= 1
    errors = [
        np.sqrt(np.mean((np.asarray(h, np.float64) - target(at, peak, period)) ** 2, axis=1))
        for at, h in ((x, run.fitted), (points[inside], run.probe[:, inside]))
    ]
    return xarray.Dataset(
        {
            "at_samples": ("step", (errors[0] * np.sqrt(2) / AMPLITUDE).astype(np.float32)),
            "at_population": ("step", (errors[1] * np.sqrt(2) / AMPLITUDE).astype(np.float32)),
            "output": ("point", run.probe[-1].astype(np.float32)),
        },
        {"step": ("step", run.steps)},
    )


def shown(data: xarray.Dataset) -> xarray.Dataset:
    """The peak that is drawn and whose spectrum is looked at: the first above the range."""
    return data.isel(peak=int(np.argmax(data["peak"].values > float(data["range"]))))


def alias(data: xarray.Dataset, peak: int) -> int:
    """Index below the Nyquist frequency of the wave that equals the peak's at the samples."""
    n = data.sizes["sample"]
    return abs(peak - n * round(peak / n))


def amplitudes(one: xarray.Dataset) -> np.ndarray:
    """Of the output's waves k = 0, 1, ... on one period, (seed, k)."""
    output = one["output"].transpose("seed", "point").values
    return 2 * np.abs(np.fft.rfft(output, axis=1)) / output.shape[1]


def check(data: xarray.Dataset) -> list[gallery.Fact]:
    """What must be seen."""
    above = data["peak"] > data["range"]
    below = ", ".join(str(k) for k in data["peak"].values[~above.values])
    end = data.isel(step=-1)
    one = shown(data)
    peak = int(one["peak"])
    found = amplitudes(one)
    return [
        gallery.Fact(
            "error at the samples over the peak, largest of all", end["at_samples"].max(), below=0.1
        ),
        gallery.Fact(
            f"error between them, largest of the peaks well below the range's end, k = {below}",
            end["at_population"].sel(peak=~above).max(),
            below=0.3,
        ),
        gallery.Fact(
            "error between them, least of the peaks above the range",
            end["at_population"].sel(peak=above).min(),
            above=1.2,
        ),
        gallery.Fact(
            f"amplitude of the output at the alias of k = {peak} over that of the peak",
            found[:, alias(data, peak)].mean() / AMPLITUDE,
            above=0.8,
            below=1.2,
        ),
        gallery.Fact(
            f"amplitude of the output at k = {peak} itself over that of the peak",
            found[:, peak].max() / AMPLITUDE,
            below=0.1,
        ),
    ]


def draw(data: xarray.Dataset) -> Any:
    """One output; its spectrum; errors against the index of the peak."""
    figure = gallery.canvas(13, 4)
    curves, lines, errors = axes = figure.subplots(1, 3)
    one = shown(data)
    peak, x = int(one["peak"]), data["sample"].values
    point = data["point"].values
    period = POPULATION * (point[1] - point[0])
    output = one["output"].isel(seed=0)
    curves.plot(
        point,
        target(point, peak, period),
        color=style.GUIDE,
        lw=0.7,
        label="target",
    )
    curves.plot(point, output, color=style.COLOURS["plain"], label="network")
    curves.plot(
        x,
        target(x, peak, period),
        ".",
        color=style.COLOURS["data"],
        ms=4,
        label="samples",
        zorder=3,
    )
    curves.set_ylim(-1.7, 2.2)
    curves.set_title(f"peak at k = {peak}, above the range")
    curves.set_xlabel("x")
    curves.set_ylabel("y, h(x)")
    curves.legend(ncols=3, loc="upper center", columnspacing=1)
    indices = np.arange(1, 2 * len(x))
    truth = 2 * np.abs(np.fft.rfft(target(point, peak, period))) / len(point)
    for values, colour, words in (
        (truth, style.GUIDE, "target"),
        (amplitudes(one)[0], style.COLOURS["plain"], "network"),
    ):
        shown_values = np.maximum(values[indices], 1e-4)
        lines.semilogy(indices, shown_values, color=colour, label=words)
    lines.set_title("spectra on a whole period, zeros at the floor")
    lines.set_xlabel("frequency index k = ξP")
    lines.set_ylabel("amplitude of the wave")
    errors.semilogy(
        data["index"], data["limit_population"], color=style.COLOURS["lfp"],
        label="LFP, between the samples",
    )  # fmt: skip
    end = data.isel(step=-1)
    for name, face, words in (
        ("at_population", style.COLOURS["plain"], "network, between the samples"),
        ("at_samples", "none", "network, at the samples"),
    ):
        for i in range(data.sizes["seed"]):
            errors.plot(
                data["peak"], end[name].isel(seed=i), style.MARKERS[0], ms=5, mfc=face,
                mec=style.COLOURS["plain"], label=words if i == 0 else None,
            )  # fmt: skip
    errors.axhline(np.sqrt(2), color=style.GUIDE, lw=0.8, ls="--", label="√2")
    errors.set_title("errors after training")
    errors.set_xlabel("frequency index k of the peak")
    errors.set_ylabel("root mean square error over the peak's")
    errors.legend(fontsize=7)
    for axis in (lines, errors):
        axis.axvspan(0, float(data["range"]), color=style.GUIDE, alpha=0.3, lw=0)
    lines.plot([], [], lw=6, color=style.GUIDE, alpha=0.3, label="effective range")
    lines.legend()
    gallery.letters(axes)
    return figure


FIGURE = gallery.Figure(__file__, QUICK, FULL, compute, draw, check)

if __name__ == "__main__":
    FIGURE.main()
