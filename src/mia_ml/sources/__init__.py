"""Vendor files in, canonical tables out: every source yields batches and rejects, then closes each file."""
