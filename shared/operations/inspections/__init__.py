"""Templates at their providers: registered, inspected, and looked at for what has become of them."""
