"""Amplitudes that rise with the frequency, other targets, other optimisers: low to high as well.

Source: Xu, Zhang, Xiao 2019, Training behavior of deep neural network in frequency domain, fig. 4,
and for the small panels section 3.1 ("data not shown").

Setting: y = alpha Round(f0/alpha), f0 = sin x + 2 sin 3x + 3 sin 5x, alpha = 2, at 600 points from
-10 to 10; tanh 200-200-200-100, weights and biases from N(0, 0.1^2), full-batch Adam of rate 2e-5.
Below, on 300 points: |x| and x^2 on [-1, 1] and sin x on [-10, 10], two alpha each, by Adam of rate
1e-3 for tanh 100-100-100-50 with weights from N(0, 0.25^2), their first three or four peaks (the
paper says no more about them than that the order holds); and f0/3 on [-pi, pi] by gradient descent,
by stochastic gradient descent with batches of 100, both of rate 0.003, and by Adam of rate 5e-5,
for tanh 100-100-100 with weights from N(0, 0.3^2): from N(0, 0.1^2) plain gradient descent stays on
its first plateau for thousands of steps. Each training is one seed. Quick: one alpha each, 200 to
300 points, narrower networks, larger rates, fewer steps.

Must be seen:
- the amplitude rises from the first peak to the third, and Delta_F at the peaks falls below 20 %
  for good from low to high nevertheless;
- so it does for every other target, and for each of the three optimisers.

    python figures/training_fig4.py [--full]
"""

from dataclasses import dataclass

import gallery
import numpy as np
import peak_panels
import xarray
from training_recipe import Recipe

from compare import style, targets


@dataclass(frozen=True)
class Setting:
    samples: int
    seeds: int
    main: Recipe
    small: Recipe
    alphas: dict[str, tuple[float, ...]]
    optimizers: tuple[Recipe, ...]
    few: int


def optimizers(steps: int) -> tuple[Recipe, ...]:
    """Gradient descent, stochastic gradient descent and Adam."""
    net = {"widths": (100, 100, 100), "std": 0.3, "steps": steps}
    return (
        Recipe(optimizer="sgd", rate=0.003, **net),
        Recipe(optimizer="sgd", rate=0.003, batch_size=100, **net),
        Recipe(rate=5e-5, **net),
    )


QUICK = Setting(
    300,
    1,
    Recipe(widths=(64, 64, 64, 64), std=0.25, rate=1e-3, steps=1500),
    Recipe(widths=(64, 64, 64, 32), std=0.25, rate=1e-3, steps=2200),
    {"|x|": (0.5,), "x²": (0.5,), "sin x": (1.0,)},
    optimizers(2000),
    few=200,
)
FULL = Setting(
    600,
    1,
    Recipe(steps=20_000),
    Recipe(widths=(100, 100, 100, 50), std=0.25, rate=1e-3, steps=12_000),
    {"|x|": (0.5, 0.25), "x²": (0.5, 0.25), "sin x": (1.0, 0.5)},
    optimizers(12_000),
    few=300,
)
NAMES = ("gradient descent", "stochastic gradient descent", "Adam")
FIRST = 4  # peaks of the other targets that are looked at, at most; as many as in the figure
LOWEST = 7e-5  # below the least Delta_F that curves show
TITLES = ("gradient descent", "SGD", "Adam")
SMALL = {
    "|x|": (1.0, np.abs),
    "x²": (1.0, np.square),
    "sin x": (10.0, np.sin),
}


def waves(x: np.ndarray) -> np.ndarray:
    """`sin x + 2 sin 3x + 3 sin 5x`."""
    return targets.sines(x, np.array([1, 3, 5]) / (2 * np.pi), amplitudes=[1.0, 2.0, 3.0])


def compute(setting: Setting, cache: gallery.Cache) -> xarray.Dataset:
    """Delta_F of the main training, of the other targets and of the optimisers."""
    x = np.linspace(-10, 10, setting.samples)
    y = targets.stairs(waves(x), 2.0)
    main = peak_panels.over_seeds(cache, "waves", setting.main, x, y, setting.seeds)
    others = {}
    for name, (half, function) in SMALL.items():
        at = np.linspace(-half, half, setting.few)
        for alpha in setting.alphas[name]:
            label = f"{name}, α = {alpha:g}"
            values = targets.stairs(function(at), alpha)
            part = f"target-{len(others)}"
            others[label] = peak_panels.measured(cache, part, setting.small, at, values, 0)
    at = np.linspace(-np.pi, np.pi, setting.few)
    each = {
        name: peak_panels.measured(cache, f"optimizer-{i}", recipe, at, waves(at) / 3, 0)
        for i, (name, recipe) in enumerate(zip(NAMES, setting.optimizers, strict=True))
    }
    return xarray.merge(
        [
            main.assign(x=("sample", x), y=("sample", y)),
            *(
                _named(parts, dim).rename({"step": f"step_{dim}"})
                for parts, dim in ((others, "target"), (each, "optimizer"))
            ),
        ]
    )


def _named(parts: dict[str, xarray.Dataset], dim: str) -> xarray.Dataset:
    """One dataset along a new dimension, Delta_F at the peaks only."""
    found = xarray.concat(parts.values(), xarray.Variable(dim, list(parts)))
    error = found["relative_error"].where(found["peak"])
    return xarray.Dataset({f"relative_error_{dim}": error, f"peak_{dim}": found["peak"]})


def one(data: xarray.Dataset, dim: str, name: str) -> xarray.Dataset:
    """The first peaks of one of the other trainings, under the names of `peak_panels`."""
    found = data[[f"relative_error_{dim}", f"peak_{dim}"]].sel({dim: name})
    return peak_panels.at_peaks(
        found.rename(
            {
                f"relative_error_{dim}": "relative_error",
                f"peak_{dim}": "peak",
                f"step_{dim}": "step",
            }
        )
    ).isel(frequency=slice(None, FIRST))


def check(data: xarray.Dataset) -> list[gallery.Fact]:
    """What must be seen."""
    peaks = peak_panels.at_peaks(data)
    amplitude = peaks["amplitude"].values
    facts = [
        gallery.Fact(
            "amplitudes, third peak over first", float(amplitude[2] / amplitude[0]), above=1.5
        ),
        gallery.Fact(
            "rank correlation of frequency and step of convergence",
            peak_panels.order(peaks),
            above=0.9,
        ),
    ]
    return facts + [
        gallery.Fact(
            f"the rank correlation for {name}", peak_panels.order(one(data, dim, name)), above=0.9
        )
        for dim in ("target", "optimizer")
        for name in data[dim].values.tolist()
    ]


def draw(data: xarray.Dataset):
    """The target, its spectrum, Delta_F; below, the other targets and the optimisers."""
    figure = gallery.canvas(12.4, 5.6)
    grid = figure.add_gridspec(2, 4)
    top = [figure.add_subplot(grid[0, i]) for i in range(4)]
    others, descent = (figure.add_subplot(grid[1, i]) for i in range(2))
    more = [figure.add_subplot(grid[1, i], sharey=descent) for i in (2, 3)]
    target, spectrum, image, curves = top
    target.plot(data["x"], data["y"], color=style.COLOURS["data"], lw=1)
    target.set_xlabel("x")
    target.set_ylabel("y")
    target.set_title("α Round(f₀/α), α = 2")
    peak_panels.draw_spectrum(spectrum, data, "target")
    spectrum.set_title("its spectrum")
    peaks = peak_panels.at_peaks(data)
    peak_panels.draw_map(image, peaks, rows="peaks")
    image.set_title("ΔF at the peaks")
    peak_panels.draw_curves(curves, peaks)
    curves.set_title("ΔF at the peaks")
    _others(others, data)
    for axis, name, words in zip((descent, *more), NAMES, TITLES, strict=True):
        peak_panels.draw_curves(axis, one(data, "optimizer", name))
        axis.set_title(f"f₀/3, {words}")
    descent.set_ylim(bottom=LOWEST)
    for axis in more:
        axis.tick_params(labelleft=False)
        axis.set_ylabel("")
        axis.get_legend().remove()
    axes = (*top, others, descent, *more)
    for axis in axes:
        axis.minorticks_off()
    gallery.letters(axes)
    return figure


def _others(axis, data: xarray.Dataset) -> None:
    """Steps of convergence against the frequency, one line a target."""
    names = data["target"].values.tolist()
    markers = dict(zip(SMALL, style.MARKERS, strict=False))
    seen = []
    for name in names:
        peaks = one(data, "target", name)
        kind = name.split(",")[0]
        first = kind not in seen
        seen.append(kind)
        axis.semilogy(
            peaks["frequency"],
            peak_panels.converged(peaks),
            markers[kind] + ("-" if first else "--"),
            color=style.COLOURS["plain"],
            mfc=style.COLOURS["plain"] if first else "white",
            ms=4.5,
            lw=1,
            label=name,
        )
    axis.set_xlabel("frequency index k = ξP of the peak")
    axis.set_ylabel("step from which ΔF < 20 %")
    axis.set_title("other targets")
    axis.set_ylim(bottom=2)
    axis.legend(fontsize=6.5, ncols=2, loc="lower right")


FIGURE = gallery.Figure(__file__, QUICK, FULL, compute, draw, check)

if __name__ == "__main__":
    FIGURE.main()
