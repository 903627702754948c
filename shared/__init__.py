"""The product. Functions, the command line and the local stack call it; it knows none of them."""
