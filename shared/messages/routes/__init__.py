"""Which of a route's channels comes first, where that is decided by what is known of the customer and of the prices."""
