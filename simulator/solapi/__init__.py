"""SOLAPI (formerly CoolSMS), `https://api.solapi.com`, as it answers on the wire."""
