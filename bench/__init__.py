"""How fast it is, what it costs, and how far that is from the floor of the same machine: `python -m bench`."""
