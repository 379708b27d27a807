"""Stairs learned by ReLU, and from non-uniform samples: from low to high as well.

Source: Xu, Zhang, Xiao 2019, Training behavior of deep neural network in frequency domain, fig. 7.

Setting: that of fig. 3, y = alpha Round(x/alpha), alpha = 0.5 on [-1, 1], weights and biases from
N(0, 0.1^2), full-batch Adam of rate 2e-5, with (a) ReLU 200-200-200-100 on 600 even points; (b)
tanh 400-400-400-200-200 on 600 of 3000 even points, drawn at random without replacement. Quick:
200 points (200 of 1000), narrower networks, larger rates.

In (b) Delta_F is that of the outputs at all 3000 points. The transform at the samples alone differs
from that at all points by 0.022 (root mean square over k), while the peaks are 0.053, 0.032, 0.023
and 0.018 high from the third on: what is learned there early comes from the low frequencies. Beside
it stands Delta_F at the samples, where the last two of the six peaks change places: the rank
correlation of frequency and step of convergence is 0.943.

Must be seen: Delta_F at the six peaks of fig. 3 falls below 20 % for good from low to high, for
every seed, the third of them several times later than the first. In (a) all six do so within the
steps, in (b) the first five: the last one, k = 36, ends at 25 %.

    python figures/training_fig7.py [--full]
"""

from dataclasses import dataclass

import gallery
import numpy as np
import peak_panels
import xarray
from training_recipe import Recipe

from compare import spectra, style, targets

PARTS = ("relu", "random")
CONVERGED = (6, 5)  # so many of the peaks, within the steps


@dataclass(frozen=True)
class Setting:
    samples: int
    grid: int
    relu_seeds: int
    random_seeds: int
    relu: Recipe
    random: Recipe
    alpha: float = 0.5


QUICK = Setting(
    samples=200,
    grid=1000,
    relu_seeds=2,
    random_seeds=1,
    relu=Recipe(widths=(64, 64, 64, 32), activation="relu", rate=5e-4, steps=3000),
    random=Recipe(widths=(64, 64, 64, 32), rate=5e-4, steps=6500),
)
FULL = Setting(
    samples=600,
    grid=3000,
    relu_seeds=2,
    random_seeds=1,
    relu=Recipe(activation="relu", steps=12_000),
    random=Recipe(widths=(400, 400, 400, 200, 200), steps=10_000),
)


def compute(setting: Setting, cache: gallery.Cache) -> xarray.Dataset:
    """Delta_F of both parts, each with a step of its own."""
    x = np.linspace(-1, 1, setting.samples)
    y = targets.stairs(x, setting.alpha)
    relu = peak_panels.over_seeds(cache, "relu", setting.relu, x, y, setting.relu_seeds)
    runs = [random(setting, cache, seed) for seed in range(setting.random_seeds)]
    many = peak_panels.along_seeds(runs)
    return xarray.merge(
        [
            found.rename({name: f"{name}_{label}" for name in ("seed", "step", *found.data_vars)})
            for found, label in zip((relu, many), PARTS, strict=True)
        ],
    )


def random(setting: Setting, cache: gallery.Cache, seed: int) -> xarray.Dataset:
    """Delta_F on the grid that the samples are drawn from, and at the samples."""
    grid = np.linspace(-1, 1, setting.grid)
    chosen = np.sort(np.random.default_rng(seed).permutation(setting.grid)[: setting.samples])
    y = targets.stairs(grid, setting.alpha)

    def measure() -> xarray.Dataset:
        run = setting.random.train(
            *(grid[chosen], y[chosen], seed),
            probe=grid,
            checkpoint=cache.checkpoint(f"random-{seed}"),
        )
        found = peak_panels.reduced(run, grid, y, run.probe)
        xi = spectra.frequencies(grid)[: found.sizes["frequency"]]
        at_samples = spectra.relative_error(
            spectra.spectrum(grid[chosen], y[chosen], xi),
            spectra.spectrum(grid[chosen], np.asarray(run.fitted, np.float64), xi),
        )
        return found.assign(
            relative_error_samples=(("step", "frequency"), at_samples.astype(np.float32))
        )

    return cache.part(f"random-{seed}", measure)


def part(data: xarray.Dataset, label: str) -> xarray.Dataset:
    """The peaks of one part, under the names of `peak_panels`."""
    end = f"_{label}"
    names = {name: str(name).removesuffix(end) for name in data.variables if name != "frequency"}
    found = data.drop_vars([name for name, short in names.items() if name == short])
    found = found.rename({name: short for name, short in names.items() if name in found.variables})
    return peak_panels.at_peaks(found)


def check(data: xarray.Dataset) -> list[gallery.Fact]:
    """What must be seen."""
    facts = []
    names = ("ReLU", "non-uniform samples")
    for label, words, count in zip(PARTS, names, CONVERGED, strict=True):
        peaks = part(data, label)
        times = peak_panels.converged(peaks)
        facts += [
            gallery.Fact(
                f"{words}: rank correlation of frequency and step of convergence, lowest seed",
                peak_panels.order(peaks),
                above=0.9,
            ),
            gallery.Fact(
                f"{words}: steps of convergence, third peak over first, least of the seeds",
                float(np.min(times[:, 2] / times[:, 0])),
                above=5.0,
            ),
            gallery.Fact(
                f"{words}: peaks that converge within the steps, least of the seeds",
                np.isfinite(times).sum(axis=1).min(),
                above=count - 0.5,
            ),
        ]
    return facts


def draw(data: xarray.Dataset):
    """Delta_F at the peaks, as colours and as curves, one row a part; beside, the steps."""
    figure = gallery.canvas(11, 5.6)
    axes = figure.subplots(2, 3)
    relu, many = (part(data, label) for label in PARTS)
    for row, found, words in ((axes[0], relu, "ReLU"), (axes[1], many, "non-uniform samples")):
        seeds = found.sizes["seed"]
        peak_panels.draw_map(row[0], found, rows="peaks")
        row[0].set_title(f"{words}: ΔF, peaks")
        peak_panels.draw_curves(row[1], found)
        row[1].set_title(f"{words}, {seeds} seed{'s' * (seeds > 1)}")
    _steps(axes[0, 2], {"ReLU": relu, "tanh, non-uniform samples": many})
    at_samples = many.drop_vars("relative_error").rename(relative_error_samples="relative_error")
    peak_panels.draw_curves(axes[1, 2], at_samples)
    axes[1, 2].set_title("transform at the samples")
    for axis in axes.flat:
        axis.minorticks_off()
    for axis in axes[1, 1:]:
        axis.get_legend().remove()
    gallery.letters(axes.flat)
    return figure


def _steps(axis, parts: dict[str, xarray.Dataset]) -> None:
    """Steps of convergence against the frequency, one line a seed."""
    for line, (words, found) in zip(("o-", "s--"), parts.items(), strict=True):
        for i, times in enumerate(peak_panels.converged(found)):
            axis.loglog(
                *(found["frequency"], times, line),
                color=style.COLOURS["plain"],
                label=words if i == 0 else None,
            )
    axis.set_xlabel("frequency index k = ξP of the peak")
    axis.set_ylabel("step from which ΔF < 20 %")
    axis.set_title("steps of convergence")
    axis.legend()


FIGURE = gallery.Figure(__file__, QUICK, FULL, compute, draw, check)

if __name__ == "__main__":
    FIGURE.main()
