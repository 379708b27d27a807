"""What is measured on the outputs of any source, theory or network."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Complex, Float

import lfp
from compare import distances, spectra


@dataclass
class Arrays:
    """Labelled arrays filled place by place; what is never put stays NaN, or "" for text.

    Attributes:
        coordinates: the leading dimensions, name to values; places are addressed by them.
        variables: name to (dimensions, values), ready for `xarray.Dataset`.
    """

    coordinates: dict[str, list]
    variables: dict[str, tuple[tuple[str, ...], np.ndarray]] = field(default_factory=dict)

    def put(
        self, name: str, place: tuple, dims: tuple[str, ...], values: np.ndarray | float | str
    ) -> None:
        """Store `values`, of dimensions `dims`, at one place of the leading dimensions."""
        dtype = object if isinstance(values, str) else None
        values = np.asarray(values, dtype)
        if name not in self.variables:
            lengths = [len(entries) for entries in self.coordinates.values()]
            missing = {"O": "", "c": complex(np.nan, np.nan)}.get(values.dtype.kind, np.nan)
            empty = np.full((*lengths, *values.shape), missing, dtype)
            self.variables[name] = ((*self.coordinates, *dims), empty)
        entries = zip(self.coordinates.values(), place, strict=True)
        index = tuple(values_there.index(entry) for values_there, entry in entries)
        self.variables[name][1][index] = values[()]  # of no dimension: the bare entry


@dataclass(frozen=True)
class Task:
    """What every source is given: law, scaled samples, times, frequencies, probe points.

    Attributes:
        ts: shape (T,), from 1/lambda_max on; every source is recorded at these times.
        target: transform of y at the frequencies xi, affine part removed, shape (F,).
        probe: shape (m,) or None.
    """

    law: lfp.TwoLayer
    x: Float[np.ndarray, " n"]
    y: Float[np.ndarray, " n"]
    ts: Float[np.ndarray, " T"]
    lambda_max: float
    xi: Float[np.ndarray, " F"]
    target: Complex[np.ndarray, " F"]
    probe: Float[np.ndarray, " m"] | None


def of_outputs(
    task: Task, group: str, fitted: Float[np.ndarray, "T n"]
) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Outputs, spectrum, relative error and half-learning times (in 1/lambda_max), by name.

    Outputs are NaN from the time on at which a training failed; so is what is measured on them,
    and a half-learning time that was not reached before is NaN.
    """
    known = np.isfinite(fitted).all(axis=-1)
    spectrum = np.full((len(fitted), task.xi.size), complex(np.nan, np.nan))
    if known.any():
        flat = spectra.remove_affine(task.x, fitted[known])
        spectrum[known] = spectra.spectrum(task.x, flat, task.xi)
    error = spectra.relative_error(task.target, spectrum)
    return {
        f"{group}_fitted": (("time", "sample"), fitted),
        f"{group}_spectrum": (("time", "frequency"), spectrum),
        f"relative_error_{group}": (("time", "frequency"), error),
        f"half_time_{group}": (
            ("frequency",),
            lfp.half_times(task.ts * task.lambda_max, error),
        ),
    }


def distance(
    task: Task, initial: Float[np.ndarray, " n"], fitted: Float[np.ndarray, "T n"]
) -> Float[np.ndarray, " T"]:
    """`|h(t) - h_NTK(t)| / |y - h(0)|`, norms over the samples.

    h_NTK is the NTK flow that starts from the same output h(0) = initial.
    """
    flow = lfp.solve(task.law.ntk, task.x, task.y, task.ts, initial=lambda _: initial)
    return distances.distance(fitted, flow.fitted, target=task.y, initial=initial)


def kernel_drift(
    task: Task,
    start: Float[np.ndarray, "n n"],
    kernels: Iterable[Float[np.ndarray, "n n"] | None],
) -> Float[np.ndarray, "2 T"]:
    """Relative change of a tangent kernel in the Frobenius norm: (affine part removed, whole).

    The affine part carries nearly all of the norm and says nothing about single frequencies.
    NaN where there is no kernel.
    """

    def reduced(kernel: np.ndarray) -> np.ndarray:
        return spectra.remove_affine(task.x, spectra.remove_affine(task.x, kernel).T)

    norms = np.linalg.norm(reduced(start)), np.linalg.norm(start)
    drift = np.full((len(task.ts), 2), np.nan)
    for row, kernel in zip(drift, kernels, strict=True):
        if kernel is not None:
            change = kernel - start
            row[:] = np.linalg.norm(reduced(change)) / norms[0], np.linalg.norm(change) / norms[1]
    return drift.T
