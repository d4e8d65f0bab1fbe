"""What people are told of a release: on the terminal, by notice, from git."""
