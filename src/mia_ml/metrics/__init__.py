"""What a run is worth: key figures of trades, of daily profit and loss and of an equity curve."""
