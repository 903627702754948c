"""Reminders that are due: within a minute, and all in the same second, beside another tenant's few."""
