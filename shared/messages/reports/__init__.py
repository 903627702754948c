"""What providers say of messages, and what follows from it."""
