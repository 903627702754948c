"""Firebase Cloud Messaging, HTTP v1, and Google's endpoint for access tokens, as they answer on the wire."""
