"""A copy of everything each night, and the way back."""
