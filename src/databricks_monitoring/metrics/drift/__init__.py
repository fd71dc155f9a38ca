"""Statistics that compare two profile rows, one per file."""
