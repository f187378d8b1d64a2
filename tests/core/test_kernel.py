"""Compiled code follows its sources."""

import ast
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from mia_ml.core import kernel


def test_every_room_with_kernels_names_the_rooms_it_calls():
    for path in kernel.PACKAGE.rglob("*.py"):
        text = path.read_text()
        if "@kernel\n" not in text:
            continue
        room = path.relative_to(kernel.PACKAGE).parts[0]
        assert room in kernel.CALLED, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("mia_ml"):
                parts = [*node.module.split("."), node.names[0].name]
                assert parts[1] in (room, *kernel.CALLED[room]), f"{path} imports {node.module}"


def test_an_edited_leaf_reaches_its_callers(tmp_path):
    """numba alone would keep the caller's machine code: the folder's name is what saves us."""
    shutil.copytree(kernel.PACKAGE, tmp_path / "mia_ml", ignore=shutil.ignore_patterns("__pycache__"))
    window = tmp_path / "mia_ml" / "features" / "window.py"
    caller = tmp_path / "mia_ml" / "features" / "caller.py"
    caller.write_text(
        "from mia_ml.core.kernel import kernel\nfrom mia_ml.features import window\n\n\n"
        "@kernel\ndef doubled(x):\n    return 2.0 * window.clip(x)\n"
    )

    def run():
        program = "from mia_ml.features import caller; print(caller.doubled(5.0))"
        env = os.environ | {"PYTHONPATH": str(tmp_path), "MIA_CACHE_DIR": str(tmp_path / "cache")}
        return subprocess.run(
            [sys.executable, "-P", "-c", program], env=env, capture_output=True, text=True, check=True, cwd=tmp_path
        ).stdout.strip()

    assert run() == "2.0"
    window.write_text(window.read_text().replace("min(1.0, max(-1.0, x))", "min(3.0, max(-1.0, x))"))
    assert run() == "6.0"


def test_a_sealed_kernel_refuses_another_type():
    @kernel.kernel
    def first(values):
        return values[0]

    assert first(np.arange(3.0)) == 0
    kernel.seal(first)
    with pytest.raises(TypeError):
        first(np.arange(6.0)[::2])


def test_missing_is_not_an_exception():
    @kernel.kernel
    def share(a, b):
        return a / b

    assert np.isnan(share(0.0, 0.0))
