"""MLflow: its tracking server, artifacts, registered models."""
