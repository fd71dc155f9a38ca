"""Fairness of a classifier between two groups."""
