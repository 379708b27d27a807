"""The same run over many random keys."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from nets._keys import check_keys
from nets._threads import one_blas_thread
from nets.run import Run, stack


def ensemble(make: Any, keys: Any, run: Any) -> Run:
    """Make a network from every key, run each of them, and stack what comes out.

    `ensemble(make, keys, run)` holds `run(make(key))` for each key; the runs share what is
    compiled and go in threads, one for each processor, without changing any of them.

    Args:
        make: key -> network, e.g. `lambda key: nets.two_layer(key, width=1024)`.
        keys: JAX random keys along the first axis, such as `jax.random.split(key, 16)`.
        run: network -> Run, e.g. `lambda net: nets.gradient_flow(net, x, y, ts)`.

    Returns:
        A Run with a leading seed axis on every array but `ts` and `x`.

    Raises:
        ValueError: there is no key, a single one, or one more axis of them.
        TypeError: make or run cannot be called, keys are no random keys, run gives no Run.
    """
    check_keys(keys)
    for name, function, kind in (("make", make, "key -> network"), ("run", run, "network -> Run")):
        if not callable(function):
            raise TypeError(f"{name} must be a function {kind}, got {function!r:.60}")

    def single(key: Any) -> Run:
        result = run(make(key))
        if not isinstance(result, Run):
            raise TypeError(
                f"run must return a Run such as nets.gradient_flow gives, got {result!r:.60}"
            )
        return result

    workers = min(len(keys), os.cpu_count() or 1)
    # one limit around all: the runs' own limits would lift each other's when they end
    with one_blas_thread(), ThreadPoolExecutor(workers) as pool:
        return stack(list(pool.map(single, keys)))
