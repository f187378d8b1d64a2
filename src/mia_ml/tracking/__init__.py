"""What was run and what came of it, kept in MLflow.

A run is written to a folder first (`pending`) and sent to the store from there (`send`), so a store that cannot be
reached loses nothing; `runs` does both. `server` finds or prepares the store, `versions` registers models, `figures`
draws what a run shows.
"""

import os

for _name, _value in (
    ("MLFLOW_DISABLE_TELEMETRY", "true"),  # what a desk runs is told to nobody
    ("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false"),
    ("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true"),  # two lines for each run of the tree
    ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2"),  # a store that is away is said so at once; the run waits
):
    os.environ.setdefault(_name, _value)
