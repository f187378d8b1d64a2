"""Canonical tables of many trading days as feature rows."""
