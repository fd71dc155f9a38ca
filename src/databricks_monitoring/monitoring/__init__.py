"""Monitors: deploying them, refreshing them, reading what they say about drift."""
