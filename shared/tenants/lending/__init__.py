"""Accounts at providers that are lent to other tenants, and such as are not sent by for a while."""
