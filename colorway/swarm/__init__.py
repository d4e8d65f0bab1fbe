"""The one boundary to Docker: what the swarm has and does; every error of it is translated here."""
