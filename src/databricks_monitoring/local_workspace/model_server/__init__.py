"""Served entities: worker processes, request batching, the inference log."""
