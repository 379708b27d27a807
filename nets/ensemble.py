"""The same run over many random keys, on all devices."""

import math
from contextlib import nullcontext
from dataclasses import replace
from queue import SimpleQueue
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from nets._checks import Integer, as_size
from nets._keys import check_keys
from nets._resident import measured
from nets._threads import in_threads, one_blas_thread, processors, settings_of_jax
from nets.run import Run, check_same_axes, stack


def ensemble(
    make: Any, keys: Any, run: Any, *, memory: Integer | None = None, progress: bool = False
) -> Run:
    """Make a network from every key, run each of them, and stack what comes out.

    `ensemble(make, keys, run)` holds `run(make(key))` for each key, whatever the number of devices
    and the budget: bit for bit on CPUs, to rounding between accelerators. Each seed is a run of its
    own, with its own adaptive steps; what is compiled is shared, once for each device. The runs go
    in threads, each with the next device that is free: one at a time on every accelerator; on a CPU
    as many as there are processors, on virtual CPU devices in turn. On a CPU one device with
    several threads was measured to be as fast as virtual devices.

    All local devices of JAX's default backend take part; inside `jax.default_device(device)` that
    one alone. Arrays that `make` or `run` bring along get to the device by themselves, unless they
    were tied to another one with `jax.device_put`. Results go to the host as soon as a run ends.
    What contexts such as `jax.enable_x64` and `jax.default_matmul_precision` set around the call
    holds in all threads.

    When a run fails, no further one begins, and the error has a note that names the seed. Ctrl-C
    stops the ensemble at once; runs that are on their way end in the background, when the device
    has done what it was given last: about a second for `nets.gradient_flow`, up to the whole run
    for `nets.train` without checkpoint. Python waits for them when it exits.

    Args:
        make: key -> network, e.g. `lambda key: nets.two_layer(key, width=1024)`.
        keys: JAX random keys along the first axis, such as `jax.random.split(key, 16)`.
        run: network -> Run, e.g. `lambda net: nets.gradient_flow(net, x, y, ts)`; called from
            several threads.
        memory: bytes that the runs on a CPU may take together, beside their results; None is no
            limit. The first run goes alone and is measured, with what compiling takes; of the rest
            as many go at a time as fit, one if none does, or where the system is not Linux and
            does not tell. An accelerator has one run at a time anyway.
        progress: show a bar, one unit a seed.

    Returns:
        A Run with a leading seed axis on every array but `ts`, `steps` and `x`. Its `networks` are
        NumPy arrays: together they may be more than a device holds.

    Raises:
        ValueError: there is no key, a single one, or one more axis of them; memory is not positive;
            the runs do not have the same ts, steps or x.
        TypeError: make or run cannot be called, keys are no random keys, run gives no Run, or one
            that is an ensemble itself; memory is no integer.
    """
    check_keys(keys)
    for name, function, kind in (("make", make, "key -> network"), ("run", run, "network -> Run")):
        if not callable(function):
            raise TypeError(f"{name} must be a function {kind}, got {function!r:.60}")
    budget = None if memory is None else as_size("memory", memory)

    chosen = jax.config.jax_default_device  # pyright: ignore[reportAttributeAccessIssue]
    # all of this process, or the one asked for
    devices = jax.local_devices() if chosen is None else list(jnp.zeros(()).devices())
    on_cpu = devices[0].platform == "cpu"
    workers = processors() if on_cpu else len(devices)
    # a context of its own would compile anew what single runs have compiled
    contexts = [None] if chosen is None and len(devices) == 1 else devices
    settings = settings_of_jax()
    free: SimpleQueue[Any] = SimpleQueue()
    for context in contexts * math.ceil(workers / len(contexts)):
        free.put(context)

    def single(i: int) -> Run:
        device = free.get()
        try:
            with settings(), jax.default_device(device) if device else nullcontext():
                result = run(make(_as_new(keys[i])))
                _check_single(result)
                net, networks = jax.device_get((result.net, result.networks))
            return replace(result, net=net, networks=networks)
        except Exception as error:
            error.add_note(f"nets.ensemble: this was the run of keys[{i}]")
            raise
        finally:
            free.put(device)

    runs: dict[int, Run] = {}
    with tqdm(total=len(keys), disable=not progress, desc="ensemble", unit="seed") as bar:

        def ended(i: int, result: Run) -> None:
            for j, other in runs.items():
                check_same_axes(result, other, f"keys[{i}]", f"keys[{j}]")
                break
            runs[i] = result
            bar.update()

        try:
            # around all: between two runs the limit would be lifted for make and for the others
            with one_blas_thread():
                if budget is not None and on_cpu:
                    first, taken = measured(lambda: single(0))
                    workers = 1 if taken is None else max(1, min(workers, budget // taken))
                    ended(0, first)
                in_threads(single, range(len(runs), len(keys)), workers, ended)
        except KeyboardInterrupt as interrupt:
            interrupt.add_note(
                f"nets.ensemble: {len(runs)} of {len(keys)} runs were done, no further one begins"
            )
            raise
    return stack([runs[i] for i in range(len(keys))])


def _check_single(result: Any) -> None:
    """Refuse what is no Run of one network."""
    if not isinstance(result, Run):
        raise TypeError(
            f"run must return a Run such as nets.gradient_flow gives, got {result!r:.60}"
        )
    if result.loss.ndim > 1:
        raise TypeError(
            f"run must return a Run of one network, got an ensemble of {len(result.loss)}: "
            "ensembles cannot be nested, give all keys to one"
        )


def _as_new(key: Any) -> Any:
    """The same key, not tied to a device: what is made from it comes to the default device."""
    if not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        return jnp.asarray(np.asarray(key))
    data = jnp.asarray(np.asarray(jax.random.key_data(key)))
    return jax.random.wrap_key_data(data, impl=jax.random.key_impl(key))
