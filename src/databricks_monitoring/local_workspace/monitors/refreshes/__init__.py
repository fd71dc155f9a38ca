"""Refreshes of monitors, computed in a process of their own."""
