"""Outside the range of its samples a network that has learned a sine is flat.

Source: Xu, Zhang, Xiao 2019, Training behavior of deep neural network in frequency domain, fig. 8
and section 6.2.

Setting: y = sin x at 600 points from -10 to 10; tanh 200-200-200-100, weights and biases from
N(0, 0.1^2), full-batch Adam of rate 2e-5, as in fig. 3; the steps are enough to fit. The outputs
are recorded on [-30, 30], the paper shows less. Quick: 300 points, widths 64-64-64-32, rate 1e-3.

Must be seen, for every seed:
- the sine is fitted within [-10, 10];
- beyond one period outside of it, the largest slope is less than a tenth of that inside, and
  there is no oscillation: at most one turning point on each side, where the sine has four.

The output is flat, but not near the last samples: it goes on for about a quarter of a period, at a
mean slope of 0.60 to 0.69, before it bends (0.25 to 0.33 in the next quarter), and reaches 2.3 to
2.8 times the amplitude of the sine.

    python figures/training_fig8.py [--full]
"""

from dataclasses import dataclass

import gallery
import numpy as np
import xarray
from training_recipe import Recipe

from compare import style

WAVE = 2 * np.pi  # period of the sine
TURN = 0.02  # a turning point counts if the output moves by more than this on both sides


@dataclass(frozen=True)
class Setting:
    samples: int
    seeds: int
    recipe: Recipe
    half: float = 10.0
    shown: float = 30.0
    points: int = 1201


QUICK = Setting(300, 2, Recipe(widths=(64, 64, 64, 32), rate=1e-3, steps=1500))
FULL = Setting(600, 2, Recipe(steps=6000))


def compute(setting: Setting, cache: gallery.Cache) -> xarray.Dataset:
    """Outputs of each seed at the end, inside and outside, and the loss."""
    x = np.linspace(-setting.half, setting.half, setting.samples)
    point = np.linspace(-setting.shown, setting.shown, setting.points)

    def train(seed: int) -> xarray.Dataset:
        run = setting.recipe.train(
            *(x, np.sin(x), seed), probe=point, checkpoint=cache.checkpoint(f"sine-{seed}")
        )
        return xarray.Dataset(
            {"output": ("point", run.probe[-1]), "loss": ("step", run.loss)},
            {"point": ("point", point), "step": run.steps},
        )

    runs = [
        cache.part(f"sine-{seed}", lambda seed=seed: train(seed)) for seed in range(setting.seeds)
    ]
    data = xarray.concat(runs, "seed").assign_coords(seed=range(setting.seeds))
    return data.assign(x=("sample", x))


def outside(data: xarray.Dataset) -> list[np.ndarray]:
    """Where the points are beyond one period from the samples, left and right."""
    point, half = data["point"].values, float(data["x"].max())
    return [side * point > half + WAVE for side in (-1, 1)]


def slopes(data: xarray.Dataset) -> np.ndarray:
    """Largest slope outside over the largest inside, of each seed."""
    slope = np.abs(np.gradient(data["output"].values, data["point"].values, axis=1))
    inside = np.abs(data["point"].values) < float(data["x"].max())
    left, right = outside(data)
    return slope[:, left | right].max(axis=1) / slope[:, inside].max(axis=1)


def turning_points(values: np.ndarray) -> int:
    """How often a curve turns by more than TURN."""
    count, direction, extreme = 0, 0, values[0]
    for value in values:
        moved = value - extreme
        if abs(moved) > TURN and np.sign(moved) != direction:
            count += direction != 0
            direction, extreme = np.sign(moved), value
        elif moved * direction > 0:
            extreme = value
    return count


def check(data: xarray.Dataset) -> list[gallery.Fact]:
    """What must be seen."""
    point, output = data["point"].values, data["output"].values
    inside = np.abs(point) < float(data["x"].max())
    sides = outside(data)
    turns = [max(turning_points(row[side]) for side in sides) for row in output]
    error = np.sqrt(np.mean((output - np.sin(point))[:, inside] ** 2, axis=1))
    return [
        gallery.Fact(
            "root mean square error inside, largest of the seeds", error.max(), below=0.05
        ),
        gallery.Fact(
            "largest slope beyond a period outside over that inside, largest of the seeds",
            float(slopes(data).max()),
            below=0.1,
        ),
        gallery.Fact(
            f"turning points beyond a period outside on one side, most of the seeds; the sine's "
            f"{turning_points(np.sin(point[sides[1]]))}",
            max(turns),
            below=1.5,
        ),
    ]


def draw(data: xarray.Dataset):
    """The outputs; the loss."""
    figure = gallery.canvas(11, 3.6)
    curves, loss = axes = figure.subplots(1, 2, width_ratios=[2.4, 1])
    point = data["point"].values
    half = float(data["x"].max())
    curves.axvspan(-half, half, color=style.GUIDE, alpha=0.15, lw=0)
    curves.plot(point, np.sin(point), color=style.GUIDE, lw=0.8, label="sin x")
    for seed, dash in zip(data["seed"].values, ("-", "--", ":"), strict=False):
        colour = style.COLOURS["plain"]
        output = data["output"].sel(seed=seed)
        curves.plot(point, output, dash, color=colour, label=f"network, seed {seed}")
        loss.loglog(data["step"][1:], data["loss"].sel(seed=seed)[1:], dash, color=colour)
    few = data["x"].values[::6]
    curves.plot(few, np.sin(few), ".", color=style.COLOURS["data"], ms=3, label="every 6th sample")
    curves.set_xlabel("x")
    curves.set_ylabel("output h(x)")
    curves.set_title("output after training; samples in the grey range")
    curves.legend(ncols=2, fontsize=7, loc="upper right")
    loss.set_xlabel("steps of the optimiser")
    loss.set_ylabel("loss, half mean square")
    loss.set_title("training")
    gallery.letters(axes)
    return figure


FIGURE = gallery.Figure(__file__, QUICK, FULL, compute, draw, check)

if __name__ == "__main__":
    FIGURE.main()
