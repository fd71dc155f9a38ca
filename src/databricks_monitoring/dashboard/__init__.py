"""AI/BI dashboards derived from a monitor."""
