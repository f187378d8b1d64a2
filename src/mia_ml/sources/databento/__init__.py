"""Databento DBN files, `.dbn` and `.dbn.zst`, every version the vendor's library reads.

    schema        gives           remarks
    mbo           trades, book    the book is rebuilt from orders
    mbp-10        trades, book    the top 5 of 10 levels
    mbp-1         trades, book    the best level only
    tbbo          trades, book    the best level only, as it stood just before the trade
    trades        trades
    ohlcv-1m      bars            stamped by their close; buy, sell and trade counts are not in the file: NaN
    definition    names           which symbol an instrument id stands for

A level the schema does not carry has no price (NaN) and 0 contracts, as a level where nobody rests: there is no
reading to mistake for a quote, sums over levels count what was seen, and an imbalance of sums falls back on the best
level's.
"""

from mia_ml.sources.databento.reader import read

__all__ = ["read"]
