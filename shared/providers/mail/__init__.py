"""E-mail: by the SMTP server of whoever sends, and what comes back."""
