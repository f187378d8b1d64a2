"""What would have come of a decision: the only room that reads what happened after it."""
