"""What became of messages, told. Reads only."""
