"""The one way to compile: `@kernel`.

Kernels must give the same bits in a batch and live, today and after a restart, so the flags that trade bits for speed
(`fastmath`, `parallel`) stay off, and division follows IEEE (`error_model="numpy"`: 0/0 is NaN, not an exception).

numba's own cache notices an edited file, but not an edited callee in another file: an edited leaf left its callers
returning old values. So each room's cache lives in a folder named by the hash of every source its kernels can call, of
numba and of the CPU; a new source version is a new folder. `MIA_CACHE_DIR` moves the parent (default: the user's cache
directory).
"""

import ctypes
import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
from numba import njit

from mia_ml.core import cache

PACKAGE = Path(__file__).resolve().parent.parent

CALLED = {
    "sources": ("core",),
    "store": ("core",),
    "metrics": ("core",),
    "features": ("core",),
    "backtest": ("core",),
    "confluence": ("core", "features"),
    "models": ("core",),
    "labels": ("core", "backtest"),
    "scoring": ("core", "features", "confluence", "backtest", "models"),
    "single": ("core", "store", "features", "confluence", "backtest", "models", "scoring"),
    "evaluation": ("core", "features", "confluence", "backtest", "labels", "metrics", "models", "scoring"),
}
"""The rooms that have kernels, and the other rooms whose kernels and constants those read."""

_FLAGS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": False}
_ENTRY = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_ssize_t, ctypes.c_int64)
_KEPT: list[Any] = []
"""Compiled entries, which live as long as the process: their callers know nothing but an address."""


@functools.cache
def version(room: str) -> str:
    """Sixteen hex digits that change when a source of the room's kernels, numba or the CPU does."""
    digest = hashlib.sha256()
    digest.update(f"{numba.__version__} {llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}".encode())
    for name in (room, *CALLED[room]):
        for path in sorted((PACKAGE / name).rglob("*.py")):
            digest.update(str(path.relative_to(PACKAGE)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_dir(room: str) -> Path:
    """Where the compiled kernels of this version of a room live."""
    return cache.home() / "kernels" / f"{room}-{version(room)}"


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` on first use, release the GIL, keep the machine code for the next process."""
    room = function.__module__.removeprefix("mia_ml.").split(".")[0]
    if room not in CALLED:
        return njit(**_FLAGS | {"cache": False})(function)  # a test's own kernel
    # numba reads this when it decorates; it makes its settings attributes at run time
    numba.config.CACHE_DIR = str(cache_dir(room))  # type: ignore[attr-defined]
    return njit(**_FLAGS)(function)


def entry(function: Callable[[int, int], int]) -> Callable[[int, int], int]:
    """Compile `function` of an address and a number now, for a call that costs a fifth of a microsecond: nothing is
    unpacked. It must not raise: there is nobody to tell. The interpreter's lock is held."""
    room = function.__module__.removeprefix("mia_ml.").split(".")[0]
    numba.config.CACHE_DIR = str(cache_dir(room))  # type: ignore[attr-defined]
    options = {name: value for name, value in _FLAGS.items() if name != "nogil"}
    compiled = numba.cfunc("int64(intp, int64)", **options)(function)
    _KEPT.append(compiled)
    assert compiled.address is not None
    called: Callable[[int, int], int] = _ENTRY(compiled.address)
    return called


def seal(dispatcher: Any) -> None:
    """Forbid further specialisations: from now on an unexpected dtype or stride is an error, not a silent compile."""
    dispatcher.disable_compile()
