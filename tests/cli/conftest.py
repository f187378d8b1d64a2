"""The `mia` command, run in this process as a user would."""

import sys

import pytest

from mia_ml import cli


@pytest.fixture
def mia(monkeypatch, capsys):
    """From arguments to (exit code, stdout, stderr)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["mia", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        shown = capsys.readouterr()
        code = ended.value.code
        if isinstance(code, str):  # what the interpreter prints on the way out
            return 1, shown.out, shown.err + code + "\n"
        return code or 0, shown.out, shown.err

    return run
