"""Every stranger's server, as it answers on the wire."""
