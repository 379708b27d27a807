"""What the benchmarks share: timing side by side, peak memory, the machine, the JSON files."""

import json
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

RESULTS = Path(__file__).parent / "results"
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """Result and seconds."""
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start


def side_by_side(*calls: Callable[[], Any], repeats: int = 3) -> list[tuple[Any, list[float]]]:
    """Last result and seconds of every round of each call; taking turns, a busy spell meets all."""
    seconds: list[list[float]] = [[] for _ in calls]
    results: list[Any] = [None] * len(calls)
    for _ in range(repeats):
        for i, call in enumerate(calls):
            results[i] = None  # not held beside the next one
            results[i], one = timed(call)
            seconds[i].append(one)
    return list(zip(results, seconds, strict=True))


def memory_added(call: Callable[[], Any]) -> int:
    """Bytes that a call holds at its peak beyond what is held before it.

    Linux only. The kernel's high-water mark is set back first: that of `getrusage` is inherited
    from the parent process and knows the temporaries of the set-up.
    """
    CLEAR.write_text("5")
    before = _status_bytes("VmRSS")
    call()
    return _status_bytes("VmHWM") - before


def _status_bytes(key: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(key + ":"))
    return 1024 * int(line.split()[1])


def machine(*packages: str) -> dict[str, Any]:
    """Platform, load of the last minute (from before the run, if called first), versions."""
    return {
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
        "threadpools": [
            {key: pool.get(key) for key in ("internal_api", "architecture", "num_threads")}
            for pool in threadpool_info()
        ],
    }


def write(name: str, machine: dict[str, Any], settings: dict[str, Any], rows: Any) -> None:
    """results/NAME.json."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": machine, "settings": settings, "rows": rows}, indent=1))
    print(f"wrote {path}")
