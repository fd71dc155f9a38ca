"""Console scripts, one per file: main(argv) -> exit code."""
