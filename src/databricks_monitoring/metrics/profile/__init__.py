"""Statistics of one column in one window, one per file."""
