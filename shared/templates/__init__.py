"""Templates: what is said, in the words of each channel."""
