"""The `allim` command: a module a verb, a room for each group of them."""
