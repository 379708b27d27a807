"""A study computed: samples, theory and networks assembled into one dataset."""

import json
import platform
from importlib.metadata import version

import jax
import numpy as np
import xarray

import lfp
from compare import practice, spectra, summary, theory
from compare.measures import Task
from compare.samples import Samples, load
from compare.study import Study

CONVENTIONS = (
    "Transform at the samples: y^_k = (1/n) sum_i y_i exp(-2 pi i xi_k x_i), xi in cycles per "
    "unit of scaled x. Time: gradient flow of (1/2n) sum_i (h(x_i) - y_i)^2 with "
    "f = m^(-1/2) sum_j a_j relu(w_j x + b_j), so t = learning rate times steps; the dimension "
    "time is t lambda_max, lambda_max the largest eigenvalue of the infinite-width tangent kernel "
    "at the samples divided by their number. Lazy scale alpha: trained on y / alpha, outputs "
    "multiplied by alpha, at the same t."
)


def compute(study: Study, *, progress: bool) -> xarray.Dataset:
    """See `compare.study.run`."""
    if jax.dtypes.canonicalize_dtype(np.float64) != np.float64:
        raise ValueError(
            "a study needs 64-bit floats in JAX: call jax.config.update('jax_enable_x64', True) "
            "before the first array is made"
        )
    samples = load(study.data, probed=study.probe.points > 0)
    task = pose(study, samples)
    # seconds, and they refuse what no flow can be made of before networks take minutes
    theories, limits = theory.measure(task), theory.limits(task)
    networks = practice.measure(study, task, progress=progress)
    dataset = xarray.Dataset(
        {
            **_data_variables(task, samples),
            **theories.variables,
            **networks.variables,
            **limits,
        },
        coords={
            **_coordinates(study, task, samples),
            **theories.coordinates,
            **networks.coordinates,
        },
        attrs=_attributes(study, task, samples),
    )
    return summary.add(dataset)


def pose(study: Study, samples: Samples) -> Task:
    """Law, times, frequencies and probe points of a study on these samples."""
    chosen = study.initialization
    law = lfp.TwoLayer(
        activation=chosen.activation,
        sigma_a=chosen.sigma_a,
        sigma_w=chosen.sigma_w,
        sigma_b=chosen.sigma_b,
    )
    ts = lfp.times(
        law.ntk, samples.x, decades=float(np.log10(study.time.last)), points=study.time.points
    )
    xi = spectra.frequencies(samples.x)
    points = study.probe.points
    return Task(
        law=law,
        x=samples.x,
        y=samples.y,
        ts=ts,
        lambda_max=1 / float(ts[0]),
        xi=xi,
        target=spectra.spectrum(samples.x, spectra.remove_affine(samples.x, samples.y), xi),
        probe=np.linspace(samples.x.min(), samples.x.max(), points) if points else None,
    )


def _data_variables(task: Task, samples: Samples) -> dict:
    return {
        "x": ("sample", task.x),
        "y": ("sample", task.y),
        "x_original": ("sample", samples.original.x, {"units": samples.original.x_unit}),
        "y_original": ("sample", samples.original.y, {"units": samples.original.y_unit}),
        "data_spectrum": ("frequency", task.target),
    }


def _coordinates(study: Study, task: Task, samples: Samples) -> dict:
    coordinates = {
        "time": ("time", task.ts * task.lambda_max, {"units": "1/lambda_max"}),
        "frequency": ("frequency", task.xi, {"units": "cycles per unit of scaled x"}),
        "period": ("frequency", samples.x_half_range / task.xi, {"units": samples.original.x_unit}),
        "peak": ("frequency", spectra.peaks(np.abs(task.target), study.frequencies.peaks)),
    }
    if task.probe is not None:
        coordinates["point"] = ("point", task.probe, {"units": "scaled x"})
    return coordinates


def _attributes(study: Study, task: Task, samples: Samples) -> dict:
    packages = ("linear-frequency-principle", "numpy", "scipy", "finufft", "jax", "diffrax")
    versions = {"python": platform.python_version(), **{name: version(name) for name in packages}}
    return {
        "name": study.name,
        "study": study.to_toml(),
        "conventions": CONVENTIONS,
        "removed": "affine part (least squares of 1, x) of data and outputs before each spectrum",
        "lambda_max": task.lambda_max,
        "validity": float(task.law.validity(task.x)),
        "sigma_a": float(task.law.sigma_a),
        "sigma_w": float(task.law.sigma_w),
        "sigma_b": float(task.law.sigma_b),
        "x_name": samples.original.x_name,
        "y_name": samples.original.y_name,
        "x_centre": samples.x_centre,
        "x_half_range": samples.x_half_range,
        "y_mean": samples.y_mean,
        "y_deviation": samples.y_deviation,
        "versions": json.dumps(versions),
    }
