"""The road from rows to decisions, one for research and live."""
