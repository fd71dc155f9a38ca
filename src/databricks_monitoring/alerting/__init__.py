"""From metric rows to a message a person gets: rules, evidence, incidents, notifications."""
