"""The minute: what is due speaks."""
