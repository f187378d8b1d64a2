"""Who may learn from whom: walk-forward, purging, embargo, combinatorial purged folds, the sealed hold-out."""
