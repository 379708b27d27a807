"""Noisy stairs: the test loss is least about when the dominant peak is captured.

Source: Xu, Zhang, Xiao 2019, Training behavior of deep neural network in frequency domain, fig. 6
and section 4.

Setting: y = alpha Round((sin x + e)/alpha), alpha = 0.5, e from N(0, 0.1^2), at 300 points from -10
to 10 for training and 6000 for the test, each with a noise of its own; tanh 200-200-200-100,
weights and biases from N(0, 0.1^2), full-batch Adam of rate 2e-5, float32. Quick: 150 and 1500
points, widths 64-64-64-32, rate 1e-3.

Must be seen, for every seed:
- the loss of training falls to the end, that of the test has a minimum and rises again;
- the minimum is near the step after which Delta_F at the dominant peak, k = 3, stays below 10 %
  (within a factor 5: the minimum is flat);
- the spectra of training and test data agree around the dominant peak only, and at the minimum the
  output has taken up little above it.

    python figures/training_fig6.py [--full]
"""

from dataclasses import dataclass, field
from typing import Any

import gallery
import numpy as np
import xarray
from peak_panels import Recipe

from compare import spectra, style, targets

CAPTURED = 0.1  # Delta_F at the dominant peak
SHOWN = 600  # points of curves
LINES = ("train_data", "test_data", "train_output", "test_output")


@dataclass(frozen=True)
class Setting:
    samples: int
    tests: int
    seeds: int
    recipe: Recipe = field(default_factory=Recipe)
    half: float = 10.0
    alpha: float = 0.5
    noise: float = 0.1


QUICK = Setting(150, 1500, 2, Recipe(widths=(64, 64, 64, 32), rate=1e-3, steps=5000))
FULL = Setting(300, 6000, 2, Recipe(steps=60_000))


def compute(setting: Setting, cache: gallery.Cache) -> xarray.Dataset:
    """Losses and Delta_F of each seed, outputs and spectra at the least test loss."""
    parts = [
        cache.part(f"noisy-{seed}", lambda seed=seed: training(setting, cache, seed))
        for seed in range(setting.seeds)
    ]
    return xarray.concat(parts, "seed", coords="minimal").assign_coords(seed=range(len(parts)))


def training(setting: Setting, cache: gallery.Cache, seed: int) -> xarray.Dataset:
    """One of them; its noise is drawn with its seed."""
    random = np.random.default_rng(seed)
    x, points = (
        np.linspace(-setting.half, setting.half, n) for n in (setting.samples, setting.tests)
    )
    y, y_test = (
        targets.stairs(np.sin(at) + setting.noise * random.standard_normal(len(at)), setting.alpha)
        for at in (x, points)
    )
    run = setting.recipe.train(
        x, y, seed, probe=points, checkpoint=cache.checkpoint(f"noisy-{seed}")
    )
    fitted, probe = (np.asarray(values, dtype=np.float64) for values in (run.fitted, run.probe))
    xi, xi_test = (spectra.frequencies(at)[: setting.samples // 2] for at in (x, points))
    target = spectra.spectrum(x, y, xi)
    peak = int(np.argmax(np.abs(target)))
    error = spectra.relative_error(target[[peak]], spectra.spectrum(x, fitted, xi[[peak]]))[:, 0]
    risk = np.mean((probe - y_test) ** 2, axis=1)
    best = int(np.argmin(risk))
    lines = [
        target,
        spectra.spectrum(points, y_test, xi_test),
        spectra.spectrum(x, fitted[best], xi),
        spectra.spectrum(points, probe[best], xi_test),
    ]
    few = np.linspace(0, setting.tests - 1, SHOWN).round().astype(int)
    small = np.float32
    return xarray.Dataset(
        {
            "train_loss": ("step", np.mean((fitted - y) ** 2, axis=1).astype(small)),
            "test_loss": ("step", risk.astype(small)),
            "peak_error": ("step", error.astype(small)),
            "peak": xi[peak] / xi[0],
            "y": ("point", y_test[few].astype(small)),
            "output": ("point", probe[best, few].astype(small)),
            "amplitude": (("line", "frequency"), np.abs(lines).astype(small)),
        },
        {
            "step": ("step", run.steps, {"long_name": "steps of the optimiser"}),
            "point": ("point", points[few]),
            "frequency": ("frequency", np.arange(1, len(xi) + 1), {"units": "1/P, P = n dx"}),
            "line": list(LINES),
        },
    )


def best_steps(data: xarray.Dataset) -> np.ndarray:
    """Step of the least test loss of each seed."""
    return data["step"].values[data["test_loss"].argmin("step").values]


def captured(data: xarray.Dataset) -> np.ndarray:
    """First step from which Delta_F at the dominant peak stays below CAPTURED, of each seed."""
    below = (data["peak_error"] < CAPTURED).transpose("seed", "step").values
    stays = np.logical_and.accumulate(below[:, ::-1], axis=1)[:, ::-1]
    return np.where(stays[:, -1], data["step"].values[np.argmax(stays, axis=1)], np.nan)


def bands(data: xarray.Dataset) -> tuple[xarray.Dataset, xarray.Dataset]:
    """Frequencies up to four times the dominant one, and those above."""
    edge = 4 * float(data["peak"].max())
    low = data["frequency"] <= edge
    return data.sel(frequency=low), data.sel(frequency=~low)


def disagreement(data: xarray.Dataset) -> float:
    """Spectra of training and test data: difference of the amplitudes over those of training."""
    train, test = (data["amplitude"].sel(line=name) for name in LINES[:2])
    return float(np.sqrt(((train - test) ** 2).sum() / (train**2).sum()))


def check(data: xarray.Dataset) -> list[gallery.Fact]:
    """What must be seen."""
    low, high = bands(data)
    end, best = data.isel(step=-1), best_steps(data)
    at_best = data["test_loss"].min("step")
    delay = best / captured(data)
    train = [float(data["train_loss"].isel(seed=i).sel(step=step)) for i, step in enumerate(best)]
    share = [float((high["amplitude"].sel(line=name) ** 2).sum()) for name in (LINES[2], LINES[0])]
    return [
        gallery.Fact(
            "test loss, end over minimum, least of the seeds",
            float((end["test_loss"] / at_best).min()),
            above=1.1,
        ),
        gallery.Fact(
            "training loss, end over that at the test's minimum, largest of the seeds",
            float((end["train_loss"] / train).max()),
            below=0.8,
        ),
        gallery.Fact(
            "step of the least test loss over that at which the dominant peak is captured, least "
            "of the seeds",
            delay.min(),
            above=0.5,  # the minimum is flat
        ),
        gallery.Fact("that ratio, largest of the seeds", delay.max(), below=4.0),
        gallery.Fact(
            "relative difference of the spectra around the peak", disagreement(low), below=0.15
        ),
        gallery.Fact("relative difference of the spectra above", disagreement(high), above=0.4),
        gallery.Fact(
            "power above the peak at the least test loss, output over training data",
            share[0] / share[1],
            below=0.5,
        ),
    ]


def draw(data: xarray.Dataset) -> Any:
    """Output at the minimum; losses; spectra at the minimum."""
    figure = gallery.canvas(13, 4)
    curves, losses, lines = axes = figure.subplots(1, 3)
    one, best = data.isel(seed=0), best_steps(data)
    curves.plot(one["point"], one["y"], ".", ms=2, color=style.COLOURS["data"], label="test data")
    curves.plot(one["point"], one["output"], color=style.COLOURS["plain"], label="network")
    curves.set_title(f"test data and output at step {best[0]}")
    curves.set_xlabel("x")
    curves.set_ylabel("y, h(x)")
    curves.set_ylim(-1.6, 2.1)
    curves.legend(ncols=2, loc="upper center")
    for i, dash in zip(range(data.sizes["seed"]), ("-", "--", ":"), strict=False):
        row = data.isel(seed=i)
        for name, colour, words in (
            ("train_loss", style.COLOURS["plain"], "training loss"),
            ("test_loss", style.TEST, "test loss"),
            ("peak_error", style.COLOURS["data"], "ΔF at the dominant peak"),
        ):
            losses.loglog(
                row["step"][1:], row[name][1:], dash, color=colour,
                label=words if i == 0 else None,
            )  # fmt: skip
        losses.axvline(best[i], color=style.GUIDE, ls=dash, lw=1)
    losses.axhline(CAPTURED, color=style.GUIDE, lw=0.8, ls="--", label=f"ΔF = {100 * CAPTURED:g} %")
    losses.set_title(f"{data.sizes['seed']} seeds; vertical: least test loss")
    losses.set_ylim(1e-3, 3)
    losses.set_xlabel("steps of the optimiser")
    losses.set_ylabel("mean square error; ΔF")
    losses.legend()
    for name, colour, dash, words in (
        (LINES[0], style.COLOURS["data"], "-", "training data"),
        (LINES[1], style.GUIDE, "-", "test data"),
        (LINES[2], style.COLOURS["plain"], "-", "output, training points"),
        (LINES[3], style.TEST, "--", "output, test points"),
    ):
        row = one["amplitude"].sel(line=name)
        lines.loglog(one["frequency"], row, dash, color=colour, lw=1.1, label=words)
    lines.set_ylim(3e-4, 1)
    lines.set_title("spectra at the least test loss")
    lines.set_xlabel("frequency index k = ξP")
    lines.set_ylabel("amplitude")
    lines.legend()
    gallery.letters(axes)
    return figure


FIGURE = gallery.Figure(__file__, QUICK, FULL, compute, draw, check)

if __name__ == "__main__":
    FIGURE.main()
