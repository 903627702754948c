"""From tickets to providers: claims, calls, and what has waited too long."""
