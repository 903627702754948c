"""Numbers that a tenant may send texts from."""
