"""What all that has ever been sent weighs: the same figures over little history, and over much."""
