"""A photograph as a map: low frequencies first from small parameters, not from large ones.

Source: Xu, Zhang, Xiao 2019, Training behavior of deep neural network in frequency domain, fig. 2
and section 2.2.

Setting: grey values of an eye against the position (x, y), trained on the pixels of odd columns;
tanh 500-400-300-200-200-100-100, full-batch Adam of rate 2e-5, weights and biases from
N(0, 0.01^2) and N(0, 0.5^2). The paper's photograph is not public: here it is an eye of the cat in
scikit-image's data.
Reduction of the full run, for two cores: means of 3 x 3 pixels, so that the eye is 24 x 48, and the
rate 2e-4, ten times the paper's, for as many steps fewer. Quick: means of 4 x 4 pixels, rate 1e-3,
four hidden layers, 500-300-200-100, these widths divided by 2.5 and standard deviations times
sqrt(2.5), which leaves the inputs of all layers as large as they were: small parameters first stay
on a plateau, one edge of the eye alone, which narrow layers and depth lengthen.

Must be seen, in the row through the pupil (all columns) and in the whole picture:
- small parameters: Delta_F at the peaks that the training columns resolve, k up to a quarter of all
  columns, falls below 30 % from low to high, but for the last of three, which stays above 40 %
  (quick: the first falls alone);
  the pixels between the training columns are found, to 6 % of the image's mean square;
- large parameters: the training columns are fitted as well, but Delta_F at the peaks stays large
  and the pixels between them are noise. At this rate Adam leaves the fit now and then by many
  decades and comes back to another one, no nearer to the picture.

    python figures/training_fig2.py [--full]
"""

from dataclasses import dataclass
from typing import Any

import gallery
import numpy as np
import peak_panels
import xarray

from compare import images, style

INITIAL = ("small", "large")
CROP = (slice(74, 146), slice(98, 242))  # the eye in the photograph
ROW = 0.4  # of the height, through the pupil
CONVERGED = 0.3  # Delta_F
MOMENTS = 3  # outputs drawn on the way


@dataclass(frozen=True)
class Setting:
    """Plain values: `block` is the side of the squares of pixels whose means are taken."""

    block: int
    rate: float
    steps: int
    widths: tuple[int, ...]
    shrink: float = 1
    stds: tuple[float, ...] = (0.01, 0.5)
    recordings: int = 120


QUICK = Setting(block=4, rate=1e-3, steps=1500, widths=(500, 300, 200, 100), shrink=2.5)
FULL = Setting(block=3, rate=2e-4, steps=8000, widths=(500, 400, 300, 200, 200, 100, 100))


def eye(block: int) -> np.ndarray:
    """Grey values of the eye, their mean taken off."""
    found = images.photograph("chelsea")[CROP]  # says what to install
    from skimage.transform import downscale_local_mean

    height, width = (side // block * block for side in found.shape)
    found = downscale_local_mean(found[:height, :width], (block, block))
    return found - found.mean()


def compute(setting: Setting, cache: gallery.Cache) -> xarray.Dataset:
    """Both trainings."""
    parts = [
        cache.part(name, lambda name=name, std=std: training(setting, cache, name, std))
        for name, std in zip(INITIAL, setting.stds, strict=True)
    ]
    image = eye(setting.block)
    data = xarray.concat(
        parts, xarray.Variable("initial", list(INITIAL)), data_vars="all", coords="minimal"
    )
    return data.assign(
        image=(("row", "column"), image.astype(np.float32)), pupil_row=int(ROW * len(image))
    )


def training(setting: Setting, cache: gallery.Cache, name: str, std: float) -> xarray.Dataset:
    """Delta_F in one row, losses on training columns and between them, outputs on the way."""
    import jax
    import jax.numpy as jnp
    import optax

    import nets

    image = eye(setting.block)
    points = images.positions(image.shape)
    std = float(std * np.sqrt(setting.shrink))
    net = nets.mlp(
        jax.random.key(0),
        widths=(2, *(round(width / setting.shrink) for width in setting.widths), 1),
        activation="tanh",
        weight_std=std,
        bias_std=std,
        dtype=jnp.float32,
    )
    at = np.linspace(0, setting.steps, setting.recordings).round().astype(int)
    run = nets.train(
        net,
        points[:, ::2].reshape(-1, 2),  # columns 1, 3, ..., counted from 1
        image[:, ::2].ravel(),
        optimizer=optax.adam(setting.rate),
        steps=setting.steps,
        record_at=at,
        probe=points.reshape(-1, 2),
        checkpoint=cache.checkpoint(name),
    )
    outputs = np.asarray(run.probe, np.float64).reshape(-1, *image.shape)
    row = int(ROW * len(image))
    found = peak_panels.reduced(run, points[row, :, 0], image[row], outputs[:, row])
    squares = (outputs - image) ** 2
    moments = np.linspace(0, len(at) - 1, MOMENTS + 1).round().astype(int)
    moments[1:-1] = moments_between(squares, moments)
    return found.drop_vars("loss").assign(
        train_loss=("step", squares[:, :, ::2].mean(axis=(1, 2)).astype(np.float32)),
        test_loss=("step", squares[:, :, 1::2].mean(axis=(1, 2)).astype(np.float32)),
        output=(("moment", "row", "column"), outputs[moments].astype(np.float32)),
        output_step=("moment", at[moments]),
    )


def moments_between(squares: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Recordings at which a third and two thirds of log of the loss are gone."""
    loss = np.log(squares[:, :, ::2].mean(axis=(1, 2)))
    shares = np.arange(1, MOMENTS) / MOMENTS
    levels = loss[0] + shares * (loss[-1] - loss[0])
    return np.array([int(np.argmax(loss <= level)) for level in levels])


def check(data: xarray.Dataset) -> list[gallery.Fact]:
    """What must be seen."""
    resolved = data.sel(frequency=data["frequency"] <= data.sizes["column"] // 4)
    small, large = (peak_panels.at_peaks(resolved.sel(initial=name)) for name in INITIAL)
    power = float((data["image"] ** 2).mean())
    end = data.isel(step=-1)
    train, test = (end[f"{part}_loss"] / power for part in ("train", "test"))
    return [
        gallery.Fact(
            "small: rank correlation of frequency and step of convergence, peaks",
            peak_panels.order(small, CONVERGED),
            above=0.7,
        ),
        gallery.Fact(
            f"small: peaks that converge, of {small.sizes['frequency']}",
            np.isfinite(peak_panels.converged(small, CONVERGED)).sum(),
            above=0.5,
        ),
        gallery.Fact(
            "small: test loss over the image's mean square", test.sel(initial="small"), below=0.2
        ),
        gallery.Fact(
            "large: training loss over the image's mean square",
            train.sel(initial="large"),
            below=0.1,
        ),
        gallery.Fact(
            "large: test loss over the image's mean square", test.sel(initial="large"), above=0.5
        ),
        gallery.Fact(
            "large: median of Delta_F at the peaks at the end",
            large["relative_error"].isel(step=-1).median(),
            above=CONVERGED,
        ),
    ]


def draw(data: xarray.Dataset) -> Any:
    """The image and its row; for each initial distribution Delta_F, outputs and losses."""
    figure = gallery.canvas(14, 6.6)
    grid = figure.add_gridspec(3, 5)
    limits = {"vmin": float(data["image"].min()), "vmax": float(data["image"].max())}

    def show(axis: Any, values: Any, title: str) -> None:
        axis.imshow(values, cmap="gray", rasterized=True, **limits)
        axis.set_title(title)
        axis.set_xticks([])
        axis.set_yticks([])

    eye_axis, columns, spectrum, small = axes = [
        figure.add_subplot(grid[0, place]) for place in (0, 1, slice(2, 4), 4)
    ]
    show(eye_axis, data["image"], "the eye")
    eye_axis.axhline(int(data["pupil_row"]), color="w", ls="--", lw=1)
    eye_axis.set_xlabel("x")
    eye_axis.set_ylabel("y")
    masked = data["image"].values.copy()
    masked[:, 1::2] = np.nan
    show(columns, masked, "training columns")
    peak_panels.draw_spectrum(spectrum, data.isel(initial=0), "row")
    spectrum.minorticks_off()
    spectrum.set_title("spectrum of the dashed row")
    peak_panels.draw_map(small, data.sel(initial="small"), rows="frequencies")
    small.set_title("ΔF in the row, small")
    for place, name in enumerate(INITIAL, start=1):
        one = data.sel(initial=name)
        thin = one.isel(step=slice(None, None, 2))  # of the curves
        row = [figure.add_subplot(grid[place, column]) for column in range(5)]
        for axis, moment in zip(row, range(1, MOMENTS + 1), strict=False):
            at = int(one["output_step"][moment])
            show(axis, one["output"].isel(moment=moment), f"{name}, step {at}")
        peak_panels.draw_curves(row[3], peak_panels.at_peaks(thin), threshold=CONVERGED)
        if name == "large":  # the legends are those of the row above
            row[3].get_legend().remove()
            row[3].set_ylim(0.1, 100)
        row[3].set_title(f"ΔF at the peaks, {name}")
        for part, colour in (("train", style.COLOURS["plain"]), ("test", style.TEST)):
            row[4].semilogy(
                thin["step"], thin[f"{part}_loss"], color=colour,
                label={"train": "training columns", "test": "columns between"}[part],
            )  # fmt: skip
        row[4].set_title(f"losses, {name}")
        row[4].set_xlabel("steps of the optimiser")
        row[4].set_ylabel("mean square error")
        if name == "small":
            row[4].legend(fontsize=7)
        for axis in row[3:]:
            axis.minorticks_off()
        axes += row
    gallery.letters(axes)
    return figure


FIGURE = gallery.Figure(__file__, QUICK, FULL, compute, draw, check)

if __name__ == "__main__":
    FIGURE.main()
