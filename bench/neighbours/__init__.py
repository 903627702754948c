"""What one tenant's trouble costs another: a neighbour's events, quiet and beside somebody else's load."""
