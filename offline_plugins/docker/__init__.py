"""The offline docker provider: networks, secrets, configs and services of a swarm, and nothing else."""
