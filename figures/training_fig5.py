"""Loss in the Fourier domain, opened from low to high frequencies and from high to low.

Source: Xu, Zhang, Xiao 2019, Training behavior of deep neural network in frequency domain, fig. 5
and section 3.2, loss eq. 4.

Setting: that of fig. 3, y = alpha Round(x/alpha), alpha = 0.5 on [-1, 1], tanh 200-200-200-100,
weights and biases from N(0, 0.1^2), full-batch Adam of rate 2e-5. The weights w(k) are 1 up to the
i-th peak and 0 above it, i = 1 .. 6, the next i when Delta_F at the peak is below 10 %; then 1 from
the i-th peak on and 0 below it, i = 6 .. 1, the next i also after 5000 recordings. The paper does
not say how many steps there are between recordings: here 10. Reduction of the full run, for two
cores: 200 samples in place of 600, and 300 recordings, 3000 steps, a peak in place of 5000. Quick:
widths 64-64-64-32, rate 5e-4, 100 recordings a peak.

Must be seen:
- (a) from low to high the peaks converge in their order, in about the steps that the plain mean
  square (c) takes;
- (b) from high to low those that are opened first do not converge by themselves: just before the
  last weights open, Delta_F is far above 10 % at all peaks whose stage has run out of recordings
  (the stage of k = 4 ends when Delta_F passes below 10 % there, that of k = 1 having grown);
- at k = 12 and 20 it is several times that of the mean square at the same step; at k = 28 and 36,
  where the mean square has not converged by then either, 0.31 and 0.41, the step tells little;
- when all are open, they converge, and from low to high.

    python figures/training_fig5.py [--full]
"""

from dataclasses import dataclass

import gallery
import numpy as np
import peak_panels
import xarray
from training_recipe import Recipe

from compare import spectra, style, targets

LOSSES = ("low to high", "high to low", "mean square")
TOLERANCE = 0.1
THIN = 5  # recordings that are kept: every fifth


@dataclass(frozen=True)
class Setting:
    samples: int
    recipe: Recipe
    patience: int
    every: int = 10
    alpha: float = 0.5


QUICK = Setting(200, Recipe(widths=(64, 64, 64, 32), rate=5e-4, steps=8000), patience=100)
FULL = Setting(200, Recipe(steps=20_000), patience=300)


def compute(setting: Setting, cache: gallery.Cache) -> xarray.Dataset:
    """Delta_F at the peaks of the trainings, and how many weights were open."""
    x = np.linspace(-1, 1, setting.samples)
    y = targets.stairs(x, setting.alpha)
    return xarray.concat(
        [
            cache.part(
                loss.replace(" ", "-"), lambda loss=loss: training(setting, cache, x, y, loss)
            )
            for loss in LOSSES
        ],
        xarray.Variable("loss", list(LOSSES)),
        join="outer",
    )


def training(
    setting: Setting, cache: gallery.Cache, x: np.ndarray, y: np.ndarray, loss: str
) -> xarray.Dataset:
    """One of them; from high to low the steps allow for all stages at their longest."""
    from nets import FourierStages

    k = np.abs(np.round(spectra.dft_frequencies(x) / spectra.frequencies(x)[0])).astype(int)
    marked = peak_panels.peaks(np.abs(spectra.dft(x, y))[1 : peak_panels.SHOWN + 1])
    peaks = np.flatnonzero(marked) + 1
    steps, options = setting.recipe.steps, {}
    if loss != "mean square":
        ends = peaks if loss == "low to high" else peaks[::-1]
        weights = [k <= end if loss == "low to high" else k >= end for end in ends]
        patience = None if loss == "low to high" else setting.patience
        xi = spectra.dft_frequencies(x)
        stages = FourierStages(xi, np.array(weights, dtype=float), ends, TOLERANCE, patience)
        options = {"loss": stages}
        if patience is not None:
            steps += (len(ends) - 1) * patience * setting.every
    run = setting.recipe.train(
        *(x, y, 0),
        steps=steps,
        record_at=np.arange(0, steps + 1, setting.every),
        checkpoint=cache.checkpoint(loss.replace(" ", "-")),
        **options,
    )
    found = peak_panels.at_peaks(peak_panels.reduced(run, x, y, run.fitted))
    error = found["relative_error"].values
    stage = np.full(len(run.steps), len(peaks))
    if options:
        place = [peaks.tolist().index(end) for end in ends]
        stage = stages_of(error[:, place], patience) + 1
    found = found.assign(opened=("step", stage.astype(float))).drop_vars("loss")
    return found.isel(step=slice(None, None, THIN))


def stages_of(error: np.ndarray, patience: int | None) -> np.ndarray:
    """Which stage (T,) each recording is trained towards; columns of error in their order."""
    stage, waited, found = 0, 0, []
    for row in error:
        found.append(stage)
        waited += 1
        learned = row[stage] < TOLERANCE or waited == patience
        if learned and stage < error.shape[1] - 1:
            stage, waited = stage + 1, 0
    return np.array(found)


def one(data: xarray.Dataset, loss: str) -> xarray.Dataset:
    """The recordings of one training."""
    return data.sel(loss=loss).dropna("step", subset=["opened"])


def last_opened(data: xarray.Dataset) -> int:
    """The place of the last recording before all weights are open, of one training."""
    return int(np.flatnonzero(data["opened"].values < data.sizes["frequency"])[-1])


def check(data: xarray.Dataset) -> list[gallery.Fact]:
    """What must be seen."""
    low, high, plain = (one(data, loss) for loss in LOSSES)
    ratio = peak_panels.converged(low, TOLERANCE) / peak_panels.converged(plain, TOLERANCE)
    before = high["relative_error"].isel(step=last_opened(high), frequency=slice(2, None))
    over_plain = before / plain["relative_error"].sel(step=before["step"])
    return [
        gallery.Fact(
            "low to high: rank correlation of frequency and step of convergence",
            peak_panels.order(low, TOLERANCE),
            above=0.9,
        ),
        gallery.Fact(
            "low to high: steps of convergence over those of the mean square, geometric mean",
            float(np.exp(np.log(ratio).mean())),
            above=0.5,
            below=2.0,
        ),
        gallery.Fact(
            "high to low: least Delta_F at the third and higher peaks before the last weights open",
            float(before.min()),
            above=3 * TOLERANCE,
        ),
        gallery.Fact(
            "high to low: that Delta_F over the mean square's at the same step, least of the third "
            "and fourth peak",
            float(over_plain.isel(frequency=slice(None, 2)).min()),
            above=3.0,
        ),
        gallery.Fact(
            "high to low: largest Delta_F at the end",
            float(high["relative_error"].isel(step=-1).max()),
            below=TOLERANCE,
        ),
        gallery.Fact(
            "high to low: rank correlation of frequency and step of convergence",
            peak_panels.order(high, TOLERANCE),
            above=0.9,
        ),
    ]


def draw(data: xarray.Dataset):
    """Delta_F at the peaks of the three trainings, and how many peaks are open."""
    figure = gallery.canvas(13, 4.6)
    axes = figure.subplots(1, 3, sharey=True)
    for axis, loss in zip(axes, LOSSES, strict=True):
        found = one(data, loss)
        peak_panels.draw_curves(axis, found, threshold=TOLERANCE)
        for step in found["step"].values[1:][np.diff(found["opened"].values) > 0]:
            axis.axvline(step, color=style.GUIDE, lw=0.8)
        opened = f"from {loss}; vertical: next weights opened"
        axis.set_title(opened if "to" in loss else f"{loss}, all weights 1")
    gallery.letters(axes)
    return figure


FIGURE = gallery.Figure(__file__, QUICK, FULL, compute, draw, check)

if __name__ == "__main__":
    FIGURE.main()
