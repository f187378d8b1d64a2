"""Where tables say they come from."""

from pathlib import Path

from mia_ml.store import parquet

LABEL = "synthetic"


def is_synthetic(root: Path) -> bool:
    """Whether any options row below `root` says it was simulated; tables without options cannot tell."""
    for table, _, _, path in parquet.inventory(root):
        if table == "options":
            named = parquet.read_file(path, "options", ["provenance"])["provenance"]
            if any(str(text).startswith(LABEL) for text in set(named.tolist())):
                return True
    return False
