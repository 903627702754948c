"""By which account a message leaves, and from which number."""
