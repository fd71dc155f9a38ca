"""Engines bring rows to the statistics."""
