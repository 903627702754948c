"""What keeps one sender's crowd from being everybody's: turns among tenants, and a pace for each account."""
