"""Threads: how many are of use, one for BLAS beside them, and many calls in a few of them."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, TypeVar

import jax
import jax.experimental
import scipy.linalg  # noqa: F401  JAX calls SciPy's LAPACK; it can be limited only once loaded
from threadpoolctl import threadpool_limits

Result = TypeVar("Result")

_SETTINGS = (
    "enable_x64",
    "default_matmul_precision",
    "default_prng_impl",
    "threefry_partitionable",
)
"""JAX's that decide numbers and are of one thread inside the context of the same name."""
_mine = threading.local()
_guard = threading.Lock()
_limits: list[threadpool_limits] = []


def processors() -> int:
    """Processors that this process may use; a scheduler may have set fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Keep OpenBLAS to one thread inside this context.

    Its idle threads wait by spinning and take the processors from XLA's: n x n eigenproblems, done
    twice a step, were seen to take ten times longer on two processors with other work on them.

    The limit is one of the process: where the contexts of several threads overlap, it is lifted
    when the last of them ends.
    """
    with _guard:
        _limits.append(_limits[0] if _limits else threadpool_limits(1, user_api="blas"))
    try:
        yield
    finally:
        with _guard:
            limit = _limits.pop()
            if not _limits:
                limit.restore_original_limits()


def settings_of_jax() -> Callable[[], AbstractContextManager[Any]]:
    """What makes a context in which any thread has the settings of JAX that this one has now."""
    wanted = {name: getattr(jax.config, f"jax_{name}") for name in _SETTINGS}

    @contextmanager
    def here() -> Iterator[None]:
        with ExitStack() as contexts:
            for name, value in wanted.items():
                if getattr(jax.config, f"jax_{name}") != value:
                    # before JAX 0.8 one of them was experimental
                    module = jax if hasattr(jax, name) else jax.experimental
                    contexts.enter_context(getattr(module, name)(value))
            yield

    return here


def leave_if_interrupted() -> None:
    """Raise KeyboardInterrupt in a thread of `in_threads` that nobody waits for after Ctrl-C.

    For loops over calls of the device, between two of them; elsewhere it does nothing.
    """
    interrupted = getattr(_mine, "interrupted", None)
    if interrupted is not None and interrupted.is_set():
        raise KeyboardInterrupt


def in_threads(
    call: Callable[[int], Result],
    indices: Sequence[int],
    workers: int,
    ended: Callable[[int, Result], None],
) -> None:
    """call(i) for every index, `workers` of them at a time; `ended` gets i and result in turn.

    Once a call fails no further one begins; its error is raised when those on their way have
    ended. Ctrl-C is raised at once, and they end in the background, at `leave_if_interrupted`.
    """
    stopped, interrupted = threading.Event(), threading.Event()

    def one(i: int) -> tuple[int, Result] | None:
        if stopped.is_set():
            return None
        _mine.interrupted = interrupted
        try:
            return i, call(i)
        except BaseException:
            stopped.set()  # here: before the waiting thread knows, the next one would begin
            raise

    pool = ThreadPoolExecutor(workers)
    try:
        for future in as_completed([pool.submit(one, i) for i in indices]):
            if (found := future.result()) is not None:
                ended(*found)
    except BaseException as error:
        stopped.set()
        if isinstance(error, KeyboardInterrupt):
            interrupted.set()
        pool.shutdown(wait=not interrupted.is_set(), cancel_futures=True)
        raise
    pool.shutdown()
