"""The whole story on synthetic characters: train, serve, drift, alert.

Everything here goes through the public API over HTTP, as a user's own code would; which workspace answers
is decided by `DATABRICKS_HOST`.
"""
