"""The wide bar: everything the events of one base bar leave behind.

It is the only thing that passes from the events of a day to its features, and all that a trading day hands to the next.
Every field is eight bytes. Prices are points, volumes contracts; what the source does not have is NaN.
"""

import numpy as np

BAR = np.dtype(
    [
        ("ts", "i8"),  # close of the bar, ns UTC: events strictly before it
        ("day", "i8"),  # position of the trading day in the calendar
        ("slot", "i8"),  # minutes from 18:00 exchange time to the bar's open: 0..1439, the same-time key
        ("open", "f8"),
        ("high", "f8"),
        ("low", "f8"),
        ("close", "f8"),
        ("volume", "f8"),
        ("buy", "f8"),  # aggressive volume by side; NaN where the source has no sides
        ("sell", "f8"),
        ("unknown", "f8"),  # volume whose side came from the tick rule
        ("prints", "f8"),
        ("orders", "f8"),  # aggressor orders
        ("order_ticks", "f8"),  # up orders minus down orders
        ("order_flow", "f8"),  # sum of order volume times tick direction
        ("order_volume", "f8"),
        ("tick_momentum", "f8"),
        ("tick_momentum_literal", "f8"),
        ("aggression_bias", "f8"),
        ("large_buy", "f8"),  # volume of large orders by side
        ("large_sell", "f8"),
        ("large_print_buy", "f8"),  # the same by prints
        ("large_print_sell", "f8"),
        ("reference", "f8"),  # the day's first price: the zero of the sums below
        ("anchored_volume", "f8"),  # since the day's open
        ("anchored_ticks", "f8"),  # sum of volume x ticks from reference
        ("anchored_ticks2", "f8"),  # sum of volume x ticks squared
        ("imbalance", "f8"),  # last book snapshot
        ("imbalance_mean", "f8"),  # time-weighted over the bar
        ("mid", "f8"),
        ("book_ts", "i8"),  # when the last snapshot, level, flow and VIX row became known; 0 is never
        ("call_wall", "f8"),
        ("put_wall", "f8"),
        ("zero_gamma", "f8"),
        ("levels_ts", "i8"),
        ("call_volume", "f8"),  # option contracts in the bar
        ("put_volume", "f8"),
        ("flow_ts", "i8"),
        ("vix", "f8"),
        ("vix_ts", "i8"),
        ("late", "f8"),  # events that came after their bar had closed
    ],
    align=True,
)

NATIVE = np.dtype(
    [
        (name, "i8" if name == "ts_event" else "f8")
        for name in (
            "ts_event",
            "open",
            "high",
            "low",
            "close",
            "volume",
            "buy_volume",
            "sell_volume",
            "n_trades",
        )
    ],
    align=True,
)
"""A canonical `bars` row as a record: how bar files enter, with everything that needs events absent."""
