"""Databricks SQL on DuckDB over Delta tables."""
