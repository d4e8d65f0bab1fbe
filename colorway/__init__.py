"""Blue-green Docker Swarm platforms as one Pulumi program."""
