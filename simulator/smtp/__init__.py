"""A mail server, as senders' own are."""
