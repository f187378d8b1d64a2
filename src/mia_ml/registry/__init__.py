"""Bundles as registered model versions, without pickles."""
