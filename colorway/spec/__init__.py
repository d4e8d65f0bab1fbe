"""What is wanted, as frozen models: validated, without I/O, without Pulumi."""
