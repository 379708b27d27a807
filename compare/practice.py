"""The networks of a study: trained and linearised, at the times of the theory."""

import sys
from collections.abc import Iterator
from operator import itemgetter

import jax
import numpy as np
from tqdm import tqdm

import nets
from compare.measures import Arrays, Task, distance, kernel_drift, of_outputs
from compare.sections import Initialization, Row
from compare.study import Study


def measure(study: Study, task: Task, *, progress: bool) -> Arrays:
    """Every network of the study, trained and linearised, with its measures.

    A network whose training fails does not end the others: `reason` tells why it stopped.
    """
    rows = study.rows()
    arrays = Arrays(
        {
            "width": sorted({row.width for row in rows}),
            "seed": list(range(max(row.seeds for row in rows))),
            "initialization": sorted({row.initialization for row in rows}),
            "lazy_scale": sorted({row.lazy_scale for row in rows}),
        }
    )
    total = sum(row.seeds for row in rows)
    with tqdm(total=total, unit="network", disable=not progress, file=sys.stderr) as bar:
        for row in rows:
            what = f"{row.initialization}, alpha {row.lazy_scale:g}"
            bar.set_description(f"width {row.width}, {what}")
            _train(study.initialization, task, row, arrays)
            bar.update(row.seeds)
    return arrays


def _train(chosen: Initialization, task: Task, row: Row, arrays: Arrays) -> None:
    def make(key: jax.Array) -> nets.TwoLayer | nets.Antisymmetric:
        net = nets.two_layer(
            key,
            dim=1,
            width=row.width,
            activation=chosen.activation,
            sigma_a=chosen.sigma_a,
            sigma_w=chosen.sigma_w,
            sigma_b=chosen.sigma_b,
        )
        return nets.antisymmetric(net) if row.initialization == "antisymmetric" else net

    # plain and antisymmetric networks of one seed share their copy, hence their tangent kernel
    width_key = jax.random.fold_in(jax.random.key(0), row.width)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(width_key, np.arange(row.seeds))

    options = {"lazy_scale": row.lazy_scale, "probe": task.probe}

    def train(net: nets.TwoLayer | nets.Antisymmetric) -> nets.Run:
        return nets.gradient_flow(
            net,
            task.x,
            task.y,
            task.ts,
            rtol=row.rtol,
            record="networks",
            throw=False,
            **options,
        )

    def linearize(net: nets.TwoLayer | nets.Antisymmetric) -> nets.Run:
        return nets.linearized_flow(net, task.x, task.y, task.ts, **options)

    runs = {
        "network": nets.ensemble(make, keys, train),
        "linearized": nets.ensemble(make, keys, linearize),
    }
    for seed in range(row.seeds):
        place = (row.width, seed, row.initialization, row.lazy_scale)
        net = make(keys[seed])
        initial = row.lazy_scale * np.asarray(net(task.x))
        arrays.put("network_initial", place, ("sample",), initial)
        for group, run in runs.items():
            fitted = np.asarray(run.fitted[seed], dtype=np.float64)
            for name, (dims, values) in of_outputs(task, group, fitted).items():
                arrays.put(name, place, dims, values)
            arrays.put(f"distance_{group}", place, ("time",), distance(task, initial, fitted))
            if run.probe is not None:
                arrays.put(f"{group}_probe", place, ("time", "point"), run.probe[seed])
        arrays.put("reason", place, (), runs["network"].status.reason[seed])
        drift = kernel_drift(task, *_kernels(net, runs["network"], seed, task.x))
        arrays.put("kernel_drift", place, ("time",), drift[0])
        arrays.put("kernel_drift_whole", place, ("time",), drift[1])


def _kernels(
    net: nets.TwoLayer | nets.Antisymmetric, run: nets.Run, seed: int, x: np.ndarray
) -> tuple[np.ndarray, Iterator[np.ndarray | None]]:
    """Tangent kernel at the start, and one after the other along the run; None once it failed."""
    known = np.isfinite(run.fitted[seed]).all(axis=-1)

    def along() -> Iterator[np.ndarray | None]:
        for i, reached in enumerate(known):
            at = jax.tree.map(itemgetter(seed), run.net_at(i))
            yield np.asarray(nets.tangent_kernel(at, x, x)) if reached else None

    return np.asarray(nets.tangent_kernel(net, x, x)), along()
