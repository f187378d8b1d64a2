"""Searching: the space as data, proposals that can be repeated, studies that can be resumed. Optuna lives here only."""
