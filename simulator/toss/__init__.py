"""Toss Payments, https://api.tosspayments.com, API version 2022-11-16."""
