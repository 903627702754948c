"""Dead letters, explained, replayed or dropped."""
