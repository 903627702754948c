"""Is it well? Figures become checks."""
