"""Where what can be made again is kept between processes."""

import os
from pathlib import Path


def home() -> Path:
    """`MIA_CACHE_DIR`, or `mia-ml` in the user's cache directory."""
    given = os.environ.get("MIA_CACHE_DIR")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "mia-ml"
