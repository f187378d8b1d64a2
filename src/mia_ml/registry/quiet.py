"""MLflow's pyfunc, imported without the warnings that 3.17 gives about classes of its own."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mlflow import pyfunc

    Model = pyfunc.PythonModel  # pyfunc is imported when it is first asked for something

__all__ = ["Model", "pyfunc"]
