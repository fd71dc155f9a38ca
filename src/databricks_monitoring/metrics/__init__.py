"""The metric engine: profile rows from columns, drift rows from profile rows. Knows no REST, no client, no clock."""
