"""Plans: what a tenant pays each month, and what it may do for it."""
