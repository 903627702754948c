"""Tenants in files, as `examples/` has them: read, checked, and written through the product's own stores."""
