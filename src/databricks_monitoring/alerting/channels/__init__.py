"""Carriers of messages, one per file. Each takes a message for some recipients and says who was refused."""
