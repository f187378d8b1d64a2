"""What was run and what came of it, kept in MLflow.

A run is written to a folder first and sent to the store from there (`runs`), so a store that cannot be reached loses
nothing. `server` finds or prepares the store; `figures` draws what a run shows.
"""
