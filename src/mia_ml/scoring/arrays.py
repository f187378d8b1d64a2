"""Named arrays as safetensors: a length, a JSON header, then the bytes. Nothing in it can run.

The library checks that the arrays lie side by side and fill the file. What it would pass over in silence is refused
here: text of its own in the header, a name said twice, a dtype that no bundle has.
"""

from collections.abc import Mapping

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from mia_ml.core.errors import DataError
from mia_ml.scoring import plain

MOST_HEADER_BYTES = 1 << 20
DTYPES = ("F32", "F64", "I8", "I64", "U16")
"""Of the models' arrays and of the golden tape."""

_ENTRY: dict[str, plain.Kind] = {"dtype": str, "shape": list, "data_offsets": list}


def to_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The same arrays give the same bytes, in whatever order they are named."""
    return save({name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)})


def from_bytes(data: bytes, where: str) -> dict[str, np.ndarray]:
    """The arrays, each a copy of its own: compiled code takes a read-only array for another type.

    Raises DataError, which begins with `where`, on a header that is too long or holds anything but arrays, and on bytes
    that are no safetensors file.
    """
    header = int.from_bytes(data[:8], "little")
    if header > min(MOST_HEADER_BYTES, len(data) - 8):
        raise DataError(
            f"{where}: its first bytes announce a header of {header:,} bytes in a file of {len(data):,}: at "
            f"most {MOST_HEADER_BYTES:,} are read; fetch the bundle again"
        )
    _check_header(data[8 : 8 + header], f"{where}: header")
    try:
        return {name: np.array(values) for name, values in load(data).items()}
    except (SafetensorError, ValueError) as error:
        raise DataError(f"{where}: not a readable safetensors file ({error}); fetch the bundle again") from None


def _check_header(header: bytes, where: str) -> None:
    for name, entry in plain.from_json(header, where).items():
        if not isinstance(entry, dict):
            raise DataError(f"{where}: {name} is {entry!r}: an array's dtype, shape and place are needed")
        dtype, *places = plain.take(entry, f"{where}: {name}", **_ENTRY)
        if dtype not in DTYPES:
            raise DataError(f"{where}: {name} is {dtype}: {', '.join(DTYPES)} are possible")
        if any(type(number) is not int or number < 0 for place in places for number in place):
            raise DataError(f"{where}: {name} is {entry!r}: whole numbers from 0 on are needed")


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
