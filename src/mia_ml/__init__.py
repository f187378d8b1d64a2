"""mia-ml: from vendor ticks to confluence decisions, by one compiled path that research and live share."""
