"""The metric engine: profile rows from columns, drift rows from profile rows; no REST, no clock."""
