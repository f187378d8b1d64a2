"""Named arrays as safetensors: a length, a JSON header, then the bytes. Nothing in it can run."""

from collections.abc import Mapping

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from mia_ml.core.errors import DataError

MOST_HEADER_BYTES = 1 << 20


def to_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The same arrays give the same bytes, in whatever order they are named."""
    return save({name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)})


def from_bytes(data: bytes, where: str) -> dict[str, np.ndarray]:
    """The arrays, each a copy of its own: compiled code takes a read-only array for another type.

    Raises DataError, which begins with `where`, on a header that is too long or on bytes that are no safetensors file.
    """
    header = int.from_bytes(data[:8], "little")
    if header > min(MOST_HEADER_BYTES, len(data) - 8):
        raise DataError(
            f"{where}: its first bytes announce a header of {header:,} bytes in a file of {len(data):,}: at "
            f"most {MOST_HEADER_BYTES:,} are read; fetch the bundle again"
        )
    try:
        return {name: np.array(values) for name, values in load(data).items()}
    except (SafetensorError, ValueError, KeyError) as error:
        raise DataError(f"{where}: not a readable safetensors file ({error}); fetch the bundle again") from None


def expect(
    arrays: Mapping[str, np.ndarray], name: str, dtype: str, shape: tuple[int | None, ...], where: str
) -> np.ndarray:
    """The array of that name. Raises DataError when it is absent, of another dtype or of another shape (None: any)."""
    if name not in arrays:
        raise DataError(f"{where}: no array '{name}'; fetch the bundle again")
    found = arrays[name]
    fits = len(found.shape) == len(shape) and all(w is None or w == f for w, f in zip(shape, found.shape, strict=True))
    if found.dtype != np.dtype(dtype) or not fits:
        wanted = ", ".join("any" if w is None else str(w) for w in shape)
        raise DataError(
            f"{where}: array '{name}' is {found.dtype} {found.shape}: {np.dtype(dtype)} ({wanted}) is needed"
        )
    return found
