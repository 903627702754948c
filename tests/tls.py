"""HTTP without certificates, for clients of what runs in the tests themselves."""

import ssl

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Saves each client the 50 ms of loading certificates that nobody here shows."""
