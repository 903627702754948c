"""Doors that anybody may knock at: who it is, as far as the platform vouches for it, and how much of one is taken."""
