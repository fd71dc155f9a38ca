"""Pages of the workspace for people."""
