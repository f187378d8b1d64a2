"""Which code scores: a hash over the sources of every room that a scorer can reach, equal on every machine."""

import functools
import hashlib

from mia_ml.core import kernel

ROOMS = ("scoring", *kernel.CALLED["scoring"])


@functools.cache
def code_fingerprint() -> str:
    """sha256 in hex over the names and bytes of the sources."""
    digest = hashlib.sha256()
    for room in sorted(ROOMS):
        for path in sorted((kernel.PACKAGE / room).rglob("*.py")):
            source = path.read_bytes()
            digest.update(f"{path.relative_to(kernel.PACKAGE).as_posix()} {len(source)}\n".encode())
            digest.update(source)
    return digest.hexdigest()
