"""The keys that seal values: which are in use, and how one takes the place of another."""
