"""Monitors: their definitions, checks and refreshes."""
