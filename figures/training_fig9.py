"""The information plane: compression for a discretised target, none for the smooth one.

Source: Xu, Zhang, Xiao 2019, Training behavior of deep neural network in frequency domain, fig. 9,
sections 6.3 and 6.4.

Setting: y = alpha Round(x/alpha) on [-1, 1], alpha = 0 (y = x) and 0.5; full-batch gradient descent
without momentum; values rounded to multiples of 0.05; informations in bits. The paper names neither
network, samples, rate nor steps here: 200 points; tanh 200-200-200-100, weights and biases from
N(0, 0.1^2), as in fig. 3; rate 0.1, of those tried (0.05, 0.1, 0.2, 0.4) the largest that does not
diverge. Each training is one seed. Quick: 80 points, widths 64-64-64-32, weights from N(0, 0.2^2),
rate 0.1.

Must be seen:
- for alpha = 0 the entropy I(T) of the output rises to that of f0 = x and stays: no compression;
- for alpha = 0.5 it rises to near that of f0 as well, while the output at the first peak's
  convergence (5 %) is still close to f0, and then falls towards that of the stairs: compression;
- I(Y, T) is at most I(Y), and close to it at the end.

    python figures/training_fig9.py [--full]
"""

from dataclasses import dataclass
from typing import Any

import gallery
import numpy as np
import xarray
from matplotlib.colors import LogNorm
from peak_panels import Recipe

from compare import spectra, style, targets
from compare.information import Bins, entropy, plane

BIN = 0.05
# limits at odd multiples of BIN/2: rounding to multiples of BIN; the first outputs overshoot
BINS = Bins(-8 - BIN / 2, 8 + BIN / 2, 321)
CAPTURED = 0.05  # Delta_F at the first peak


@dataclass(frozen=True)
class Setting:
    recipe: Recipe
    samples: int = 200
    alphas: tuple[float, ...] = (0.0, 0.5)


QUICK = Setting(
    Recipe(widths=(64, 64, 64, 32), std=0.2, optimizer="sgd", rate=0.1, steps=24_000), samples=80
)
FULL = Setting(Recipe(optimizer="sgd", rate=0.1, steps=80_000, recordings=300))


def compute(setting: Setting, cache: gallery.Cache) -> xarray.Dataset:
    """Both trainings."""
    parts = [
        cache.part(f"alpha-{alpha:g}", lambda alpha=alpha: training(setting, cache, alpha))
        for alpha in setting.alphas
    ]
    return xarray.concat(parts, xarray.Variable("alpha", list(setting.alphas)), coords="minimal")


def training(setting: Setting, cache: gallery.Cache, alpha: float) -> xarray.Dataset:
    """Informations along one training, and its output when the first peak is captured."""
    x = np.linspace(-1, 1, setting.samples)
    y = targets.stairs(x, alpha)
    run = setting.recipe.train(x, y, 0, checkpoint=cache.checkpoint(f"alpha-{alpha:g}"))
    fitted = np.asarray(run.fitted, dtype=np.float64)
    found = plane(x, y, fitted, x_bins=BINS, bins=BINS)
    first = spectra.frequencies(x)[:1]
    error = spectra.relative_error(
        spectra.spectrum(x, y, first), spectra.spectrum(x, fitted, first)
    )
    below = np.flatnonzero(error[:, 0] < CAPTURED)
    early = int(below[0]) if len(below) else len(fitted) - 1
    smooth = entropy(BINS.labels(x))
    return xarray.Dataset(
        {
            "output_entropy": ("step", found.output_entropy, {"units": "bit"}),
            "target_information": ("step", found.target_information, {"units": "bit"}),
            "target_entropy": float(found.target_entropy),
            "smooth_entropy": float(smooth),
            "loss": ("step", np.asarray(run.loss, dtype=np.float32)),
            "captured": int(run.steps[early]),
            "target": ("sample", y),
            "output_early": ("sample", fitted[early].astype(np.float32)),
            "output_end": ("sample", fitted[-1].astype(np.float32)),
        },
        {"step": ("step", run.steps), "x": ("sample", x)},
    )


def check(data: xarray.Dataset) -> list[gallery.Fact]:
    """What must be seen."""
    smooth, stairs = (data.isel(alpha=i) for i in range(2))
    room = float(stairs["smooth_entropy"] - stairs["target_entropy"])
    drops = [
        float(one["output_entropy"].max() - one["output_entropy"][-1]) for one in (smooth, stairs)
    ]
    apart = np.sqrt(
        ((stairs["output_early"] - stairs["x"]) ** 2).mean() / (stairs["x"] ** 2).mean()
    )
    return [
        gallery.Fact("alpha 0: fall of I(T) from its maximum, bit", drops[0], below=0.1),
        gallery.Fact(
            "alpha 0: I(T) at the end over I(f0)",
            smooth["output_entropy"][-1] / smooth["smooth_entropy"],
            above=0.95,
        ),
        gallery.Fact("alpha 0.5: the fall over I(f0) - I(f)", drops[1] / room, above=0.2),
        gallery.Fact(
            "alpha 0.5: largest I(T) over I(f0)",
            stairs["output_entropy"].max() / stairs["smooth_entropy"],
            above=0.9,
        ),
        gallery.Fact("alpha 0.5: distance of output and f0 at the first peak", apart, below=0.25),
        gallery.Fact(
            "alpha 0.5: I(Y, T)/I(Y) at the end",
            stairs["target_information"][-1] / stairs["target_entropy"],
            above=0.85,
        ),
    ]


def draw(data: xarray.Dataset) -> Any:
    """Outputs and information planes, one column an alpha."""
    figure = gallery.canvas(13, 3.8)
    axes = figure.subplots(1, 4, width_ratios=[1, 1.15, 1, 1.3])
    for i, (outputs, informations) in enumerate((axes[:2], axes[2:])):
        one = data.isel(alpha=i)
        words = f"α = {float(one['alpha']):g}"
        outputs.plot(one["x"], one["target"], ".", ms=3, color=style.COLOURS["data"], label="f")
        outputs.plot(
            one["x"], one["output_early"], "--", color=style.COLOURS["plain"],
            label=f"network, step {int(one['captured'])}",
        )  # fmt: skip
        outputs.plot(
            one["x"], one["output_end"], color=style.COLOURS["plain"], lw=1,
            label=f"network, step {int(one['step'][-1])}",
        )  # fmt: skip
        outputs.set_title(f"outputs, {words}")
        outputs.set_xlabel("x")
        outputs.set_ylabel("f(x), h(x)")
        outputs.legend(fontsize=7)
        steps = np.maximum(one["step"].values, 1)
        points = informations.scatter(
            one["output_entropy"], one["target_information"], c=steps, s=9,
            cmap=style.SEQUENCE, norm=LogNorm(1, steps[-1]), rasterized=True,
        )  # fmt: skip
        informations.axvline(
            float(one["smooth_entropy"]),
            color="k",
            ls=":",
            lw=1,
            label="I(f₀)",
        )
        informations.axhline(float(one["target_entropy"]), color="k", ls="--", lw=1, label="I(Y)")
        informations.set_title(f"information plane, {words}")
        informations.set_xlabel("I(T), bit")
        informations.set_ylabel("I(Y, T), bit")
        informations.legend(fontsize=7, loc="center left")
    figure.colorbar(points, ax=axes[3], label="steps of the optimiser")
    gallery.letters(axes)
    return figure


FIGURE = gallery.Figure(__file__, QUICK, FULL, compute, draw, check)

if __name__ == "__main__":
    FIGURE.main()
