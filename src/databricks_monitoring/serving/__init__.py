"""Endpoints, and the way from their payloads to labelled rows."""
