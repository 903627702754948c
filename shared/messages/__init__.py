"""Messages: one thing to tell one customer, from its making to its end."""
