"""The service cannot take anything now, for a cause that lies here and may pass: try again."""

from mia_ml.core.errors import MiaError


class Unavailable(MiaError):
    """Starting, stopping, or a disk that takes no more; the text is one line that may be told to a sender."""
