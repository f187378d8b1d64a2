"""The live face: events one at a time through the same engine and scorer as research."""
