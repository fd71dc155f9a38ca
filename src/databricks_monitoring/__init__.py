"""Monitoring for models in production: whole on a laptop, unchanged on Databricks."""

__version__ = "0.1.0"
