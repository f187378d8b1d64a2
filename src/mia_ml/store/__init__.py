"""Canonical tables on disk: Parquet, what was refused, what is missing."""
