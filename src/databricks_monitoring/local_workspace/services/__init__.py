"""One REST service of the workspace per file."""
