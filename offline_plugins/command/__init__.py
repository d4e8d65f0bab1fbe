"""The offline command provider: commands on this machine and over ssh, and nothing else."""
