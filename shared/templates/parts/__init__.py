"""What a template says on each channel: texts, links, HTML and pictures."""
