"""Model quality from predictions and labels, one family per file."""
