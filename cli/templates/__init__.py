"""`allim templates`: what a tenant says, in its files, here, and at the provider."""
