"""A trading day at work: engines, versions, decisions, and the day run again after a crash."""
