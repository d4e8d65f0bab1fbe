"""The machines themselves: what they are, and what makes bare ones a swarm. Reached by SSH alone."""
