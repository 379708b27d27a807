"""Stairs of one slope: a network learns the peaks of their spectrum from low to high.

Source: Xu, Zhang, Xiao 2019, Training behavior of deep neural network in frequency domain, fig. 3.

Setting: y = alpha Round(x/alpha), alpha = 0.5, at 600 points from -1 to 1 (with both ends, the
zeros of the spectrum at k = 8, 16, ... are exact, as the paper says); tanh 200-200-200-100,
weights and biases from N(0, 0.1^2), full-batch Adam of rate 2e-5, mean square, float32. The paper
says neither how many samples nor how many steps: 600 are those of its figures 4, 7 and 8, the steps
are those after which all six peaks have converged. Peaks: k = 1, 4, 12, 20, 28, 36. Quick: 200
points, widths 64-64-64-32, rate 5e-4.

Must be seen:
- the first peak of f is that of f0 = x, which dominates;
- Delta_F at the peaks falls below 20 % for good from low to high, for every seed;
- over all 40 components the order is blurred (rank correlation at most 0.76): beside the peaks
  Delta_F is not decided by the frequency alone.

    python figures/training_fig3.py [--full]
"""

from dataclasses import dataclass, field

import gallery
import numpy as np
import peak_panels
import xarray
from training_recipe import Recipe

from compare import spectra, style, targets


@dataclass(frozen=True)
class Setting:
    samples: int
    seeds: int
    alpha: float = 0.5
    recipe: Recipe = field(default_factory=Recipe)


QUICK = Setting(200, 2, recipe=Recipe(widths=(64, 64, 64, 32), rate=5e-4, steps=6000))
FULL = Setting(600, 3, recipe=Recipe(steps=18_000))


def compute(setting: Setting, cache: gallery.Cache) -> xarray.Dataset:
    """Delta_F of each seed, and the spectra of f and f0."""
    x = np.linspace(-1, 1, setting.samples)
    y = targets.stairs(x, setting.alpha)
    data = peak_panels.over_seeds(cache, "stairs", setting.recipe, x, y, setting.seeds)
    slope = np.abs(spectra.spectrum(x, x, spectra.frequencies(x)[: data.sizes["frequency"]]))
    return data.assign(amplitude_smooth=("frequency", slope))


def all_components(data: xarray.Dataset) -> float:
    """Rank correlation over all components that f has, the highest of the seeds."""
    found = data.dropna("frequency", subset=["relative_error"])
    return float(peak_panels.orders(found).max())


def check(data: xarray.Dataset) -> list[gallery.Fact]:
    """What must be seen."""
    peaks = peak_panels.at_peaks(data)
    times = peak_panels.converged(peaks)
    first = peaks.isel(frequency=0)
    return [
        gallery.Fact("peaks among the first 40 components", peaks.sizes["frequency"], above=5.5),
        gallery.Fact(
            "amplitude at the first peak, f over f0",
            float(first["amplitude"] / first["amplitude_smooth"]),
            above=0.95,
            below=1.05,
        ),
        gallery.Fact(
            "rank correlation of frequency and step of convergence, peaks, lowest of the seeds",
            peak_panels.order(peaks),
            above=0.9,
        ),
        gallery.Fact(
            "steps of convergence, last peak over first, least of the seeds",
            float(np.min(times[:, -1] / times[:, 0])),
            above=10.0,
        ),
        gallery.Fact(
            "the rank correlation over all components, highest", all_components(data), below=0.9
        ),
    ]


def draw(data: xarray.Dataset):
    """The spectrum; Delta_F at all components; Delta_F at the peaks."""
    figure = gallery.canvas(13, 4)
    spectrum, components, curves = axes = figure.subplots(1, 3)
    peak_panels.draw_spectrum(spectrum, data, "f = α Round(x/α), α = 0.5")
    spectrum.loglog(
        data["frequency"],
        data["amplitude_smooth"],
        "--",
        color=style.GUIDE,
        label="f₀ = x",
    )
    spectrum.set_title("spectrum of the target, zeros at the floor")
    spectrum.legend()
    peak_panels.draw_map(components, data, rows="frequencies")
    components.set_title("ΔF at all components, one seed (white: f̂ = 0)")
    peak_panels.draw_curves(curves, peak_panels.at_peaks(data))
    curves.set_title(f"ΔF at the peaks, {data.sizes['seed']} seeds")
    gallery.letters(axes)
    return figure


FIGURE = gallery.Figure(__file__, QUICK, FULL, compute, draw, check)

if __name__ == "__main__":
    FIGURE.main()
