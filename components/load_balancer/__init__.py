"""The load balancers, and the text that says who gets which color."""
