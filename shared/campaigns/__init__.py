"""Many at once: one template to every customer of a file."""
