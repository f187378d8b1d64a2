"""Trained with the library, scored with our own kernel: fit, calibrate, combine, export, score."""
