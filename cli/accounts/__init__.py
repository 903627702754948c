"""What tenants send by: accounts at providers, how these are doing, and sender numbers."""
