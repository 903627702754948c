"""What a message costs, and what a send will."""
