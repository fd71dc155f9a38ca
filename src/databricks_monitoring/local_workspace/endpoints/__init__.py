"""Serving endpoints: configuration, deployment, traffic, what is reported of them."""
