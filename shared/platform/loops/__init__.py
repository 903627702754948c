"""How work is taken up: what arrives together as one batch, what is due one by one."""
