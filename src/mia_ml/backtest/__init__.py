"""Execution with costs: one simulator, fed a whole tape or one event at a time, by research and paper trading alike."""
