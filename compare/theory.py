"""The LFP and NTK flows of a study, their limits and the splines beside them."""

import numpy as np
from scipy.interpolate import CubicSpline

import lfp
from compare.measures import Arrays, Task, of_outputs


def measure(task: Task) -> Arrays:
    """Both flows from zero output at the times of the task, with their measures."""
    arrays = Arrays({"source": ["lfp", "ntk"]})
    for source, law in (("lfp", task.law), ("ntk", task.law.ntk)):
        flow = lfp.solve(law, task.x, task.y, task.ts)
        for name, (dims, values) in of_outputs(task, "theory", np.asarray(flow.fitted)).items():
            arrays.put(name, (source,), dims, values)
        if task.probe is not None:
            values = np.asarray(flow(task.probe))
            arrays.put("theory_probe", (source,), ("time", "point"), values)
    return arrays


def limits(task: Task) -> dict:
    """Limits t -> infinity of both flows at the probe points, and two splines through the data.

    The splines: piecewise linear, and the natural cubic spline (second derivative zero at the
    ends), the limits that the powers xi^-2 and xi^-4 alone would have.
    """
    if task.probe is None:
        return {}
    interpolants = [
        lfp.interpolate(law, task.x, task.y)(task.probe) for law in (task.law, task.law.ntk)
    ]
    x, first = np.unique(task.x, return_index=True)  # repeated samples have the same y
    splines = [
        np.interp(task.probe, x, task.y[first]),
        CubicSpline(x, task.y[first], bc_type="natural")(task.probe),
    ]
    return {
        "limit_probe": (("source", "point"), np.stack(interpolants)),
        "spline_probe": (("spline", "point"), np.stack(splines)),
        "spline": ("spline", ["linear", "cubic"]),
    }
