"""The one way to compile: `@kernel`.

Kernels must give the same bits in a batch and live, today and after a restart, so the flags that trade bits for speed
(`fastmath`, `parallel`) stay off, and division follows IEEE (`error_model="numpy"`: 0/0 is NaN, not an exception).

numba's own cache notices an edited file, but not an edited callee in another file: an edited leaf left its callers
returning old values. So the cache lives in a folder named by the hash of every kernel source, of numba and of the CPU;
a new source version is a new folder. `MIA_CACHE_DIR` moves the parent (default: the user's cache directory).
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
from numba import njit

PACKAGE = Path(__file__).resolve().parent.parent
KERNEL_ROOMS = ("core", "features", "confluence", "backtest", "sources", "scoring")


def kernel_version() -> str:
    """Sixteen hex digits that change when a kernel source, numba or the CPU does."""
    digest = hashlib.sha256()
    digest.update(f"{numba.__version__} {llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}".encode())
    for room in KERNEL_ROOMS:
        for path in sorted((PACKAGE / room).rglob("*.py")):
            digest.update(str(path.relative_to(PACKAGE)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_dir() -> Path:
    """Where compiled kernels of this source version live."""
    home = os.environ.get("MIA_CACHE_DIR")
    parent = Path(home) if home else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mia-ml"
    return parent / "kernels" / kernel_version()


numba.config.CACHE_DIR = str(cache_dir())  # must stand before the first decoration

_FLAGS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": False}


def kernel(function: Callable[..., Any]) -> Any:
    """Compile `function` on first use, release the GIL, keep the machine code for the next process."""
    return njit(**_FLAGS)(function)


def inline(function: Callable[..., Any]) -> Any:
    """A kernel small enough to be copied into its callers."""
    return njit(inline="always", **_FLAGS)(function)


def seal(dispatcher: Any) -> None:
    """Forbid further specialisations: from now on an unexpected dtype or stride is an error, not a silent compile."""
    dispatcher.disable_compile()
