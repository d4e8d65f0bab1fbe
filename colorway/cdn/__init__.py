"""What a CDN in front of a stack has kept, and how it is made to forget."""
