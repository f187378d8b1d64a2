"""Planted leaks are caught, clean work is not flagged, and a new file in the folder is a new canary."""

import sys

import pytest

from mia_ml.canaries import audit, catalogue, market
from mia_ml.core.errors import DataError

NAMED_BY_THE_SPEC = {
    "shifted_feature",
    "scaler_on_everything",
    "same_bar_fill",
    "vix_close_at_open",
    "threshold_on_test",
    "back_adjusted_level",
    "unpurged_label",
}
OTHER_SEEDS = (6,)


@pytest.fixture(scope="module")
def rehearsals(history, engine_params):
    """What was caught and flagged on the built-in market and on others of its kind."""
    planted = catalogue.load()
    histories = [history, *(market.history(engine_params, seed) for seed in OTHER_SEEDS)]
    return [audit.rehearse(planted, each) for each in histories]


def test_the_catalogue_holds_what_the_specification_names_and_more():
    names = {canary.name for canary in catalogue.load()}
    assert names >= NAMED_BY_THE_SPEC
    assert len(names) >= 12


def test_every_canary_is_caught_on_the_built_in_market(rehearsals):
    caught, _, _ = rehearsals[0]
    assert set(caught) == {canary.name for canary in catalogue.load()}


def test_eleven_of_twelve_are_caught_on_others(rehearsals):
    caught = sum(len(found) for found, _, _ in rehearsals[1:])
    assert caught >= 11 / 12 * len(catalogue.load()) * len(OTHER_SEEDS)


def test_of_more_than_a_hundred_clean_pieces_none_is_flagged(rehearsals):
    assert sum(clean for _, _, clean in rehearsals) > 100
    assert [name for _, flagged, _ in rehearsals for name in flagged] == []


@pytest.mark.parametrize("canary", catalogue.load(), ids=lambda canary: canary.name)
def test_a_finding_says_what_where_when_and_by_how_much(rehearsals, canary):
    finding = rehearsals[0][0][canary.name][0]
    assert finding.rule in {"future", "fill", "life"}
    assert str(finding).startswith(f"{finding.rule}: {finding.what} at 2024-03-")
    assert any(character.isdigit() for character in finding.detail) or "nothing printed" in finding.detail
    assert canary.about.endswith(".")


THEIRS = '''"""Somebody else's leak: tomorrow's last price."""

import numpy as np

from mia_ml.canaries import claims


def leaking(history):
    close = history.rows["close"]
    return claims.values(history.rows["ts"], last=np.full(close.size, close[-1]))
'''


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """A function that puts a file into the catalogue's folder, as far as Python can tell."""
    monkeypatch.setattr(catalogue, "__path__", [*catalogue.__path__, str(tmp_path)])

    def drop(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, f"{catalogue.__name__}.{name}", raising=False)

    return drop


def test_a_canary_dropped_into_the_folder_is_picked_up_and_caught(theirs, history):
    theirs("tomorrows_price", THEIRS)
    found = next(canary for canary in catalogue.load() if canary.name == "tomorrows_price")
    assert (found.about, found.clean) == ("Somebody else's leak: tomorrow's last price.", None)
    caught, flagged, _ = audit.rehearse([found], history)
    assert set(caught) == {"tomorrows_price"}
    assert flagged == []


def test_a_file_that_plants_nothing_is_refused(theirs):
    theirs("nothing", '"""Forgot something."""\n')
    with pytest.raises(DataError, match=r"nothing\.py: no canary: give it a docstring and leaking"):
        catalogue.load()


def test_an_instrument_that_misses_too_much_is_not_sound(theirs, engine_params, monkeypatch):
    for k in range(3):
        theirs(f"harmless_{k}", THEIRS.replace("close[-1]", "close[0]"))
    planted = [each for each in catalogue.load() if each.name.startswith(("harmless", "shifted"))]
    monkeypatch.setattr(catalogue, "load", lambda: planted)
    check = audit.canaries(engine_params)
    assert not check.ok
    assert check.detail.startswith("1 of 4 planted leaks caught (not harmless_0, harmless_1, harmless_2), 0 of ")
