"""Figures of studies, drawn from their datasets; the only importer of matplotlib."""

from pathlib import Path
from typing import Any

import matplotlib
import xarray
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from compare import style
from compare.panels import draw_points
from compare.peak_panels import draw_peaks


def of_studies(datasets: list[xarray.Dataset]) -> Figure:
    """The figure of one study, or of a group with a column for each.

    With probe points: the functions at the end; otherwise when each peak of the spectrum is
    learned.

    Raises:
        ValueError: for a group with a study without `[probe]`, or no dataset.
    """
    if not datasets:
        raise ValueError("datasets must hold at least one dataset, got none")
    probed = ["point" in dataset.dims for dataset in datasets]
    if len(datasets) > 1 and not all(probed):
        raise ValueError("studies are drawn side by side only if each has [probe] points")
    with matplotlib.rc_context(style.RC):
        figure = empty()
        if probed[0]:
            draw_points(figure, datasets)
        else:
            draw_peaks(figure, datasets[0])
    return figure


def empty(width: float | int = 6.4, height: float | int = 4.8) -> Any:
    """A figure without panels, of width and height in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path, *, dpi: int = 150) -> None:
    """Write a figure in the format of the path's suffix; the same figure gives the same file."""
    metadata = {"Date": None} if path.suffix == ".svg" else None
    figure.savefig(path, dpi=dpi, metadata=metadata)
