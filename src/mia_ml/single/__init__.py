"""One event at a time: screened, run and decided in one compiled call."""
