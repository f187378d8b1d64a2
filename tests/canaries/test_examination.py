"""The instrument on research made up for it: it must see one event too many, and bear with honest work."""

import numpy as np

from mia_ml.canaries import claims, examination
from mia_ml.core.moments import MINUTE


def found(procedure, history):
    return examination.examine({"it": procedure}, history)["it"]


def every_print(history, after_ns):
    return claims.values(history.tape.trade_ts + after_ns, price=history.tape.price)


def test_one_event_too_many_is_seen(history):
    """A print is known from the nanosecond after it: dated at its own moment it is news too early."""
    assert found(lambda h: every_print(h, 0), history)
    assert not found(lambda h: every_print(h, 1), history)


def test_what_was_known_once_a_day_is_asked_at_its_own_moments(history):
    """An hour ahead, at one moment of the history: no moment drawn at random lies within that hour."""

    def drift(h, ahead_ns):
        at = h.opening_ns
        price = h.tape.price[np.searchsorted(h.tape.trade_ts, at + ahead_ns) - 1]
        return claims.values(at, price=price)

    assert [finding.at_ns for finding in found(lambda h: drift(h, 60 * MINUTE), history)] == [history.opening_ns]
    assert not found(lambda h: drift(h, 0), history)


def test_a_claim_that_only_hindsight_makes_is_seen(history):
    """The value itself was known; that this was the minute to look at was not."""

    def at_the_tops(h):
        tops = [
            own[int(np.argmax(own["close"]))] for day in h.sessions["day"] if (own := h.rows[h.rows["day"] == day]).size
        ]
        return claims.values(np.array([top["ts"] for top in tops]), close=np.array([top["close"] for top in tops]))

    assert found(at_the_tops, history)


def test_what_gets_along_without_later_data_is_seen_too(history):
    """No storm was to come: a history that is cut short has none either, only another future does."""
    after = history.tape.trade_ts >= history.opening_ns
    far = np.abs(history.tape.price[after] - history.tape.price[~after][-1]).max() + 1

    def storm(h):
        later = h.tape.trade_ts >= h.opening_ns
        moves = np.abs(h.tape.price[later] - h.tape.price[~later][-1])
        return claims.values(h.opening_ns, storm=float((moves > far).any()))

    assert storm(history).values["storm"]["value"] == storm(history.until(history.opening_ns)).values["storm"]["value"]
    assert found(storm, history)


def test_research_that_cannot_be_done_without_what_came_later_is_a_finding(history):
    def impatient(h):
        return claims.values(h.opening_ns, last=h.tape.price[np.flatnonzero(h.tape.trade_ts > h.opening_ns)[0]])

    finding = found(impatient, history)[0]
    assert finding.rule == "future"
    assert "IndexError" in finding.detail


def test_history_itself_is_the_same_in_every_future(history):
    moment = history.opening_ns
    cut, other = history.until(moment), history.otherwise(moment)
    for each in (cut, other):
        by_then = each.rows["ts"] <= moment
        assert each.rows[by_then].tobytes() == history.rows[history.rows["ts"] <= moment].tobytes()
        over = history.labels["end_ns"] < moment
        assert each.labels[: over.size][over[: each.labels.size]].tobytes() == history.labels[over].tobytes()
    assert (cut.volumes["known_ns"] < moment).all()
    assert cut.volumes.size == np.count_nonzero(history.volumes["known_ns"] < moment) < history.volumes.size
    assert (other.volumes["volume"] != history.volumes["volume"]).any()
    assert cut.rows["ts"].max() == moment
    assert other.rows.size == history.rows.size
    crossing = (history.labels["signal_ns"] < moment) & (history.labels["end_ns"] >= moment)
    assert crossing.any()


def test_a_day_begins_with_its_first_price(history):
    """Rows before it appear once the day has said something: to a history that ends there they do not exist."""
    opens = history.sessions["open_ns"]
    silent = [
        at
        for at in opens + 2 * MINUTE
        if np.searchsorted(history.tape.book_ts, at - 2 * MINUTE) == np.searchsorted(history.tape.book_ts, at)
    ]
    assert silent
    for moment in silent:
        by_then = history.rows[history.rows["ts"] <= moment]
        assert history.until(int(moment)).rows.tobytes() == by_then.tobytes()


def test_the_built_in_history_rolls_and_has_all_tables(history):
    assert np.unique(history.contracts).size == 2
    assert (np.bincount(np.searchsorted(np.unique(history.volumes["day"]), history.volumes["day"])) == 2).any()
    for name in ("gamma_levels", "options_flow_bias", "order_book_imbalance", "vix", "rvol"):
        assert np.isfinite(history.rows[name]).mean() > 0.2, name
