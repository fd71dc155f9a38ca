"""A Databricks workspace on loopback: same REST paths, real answers, ordinary files under one folder."""
