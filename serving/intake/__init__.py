"""What arrives: judged, numbered, written down, put in order."""
