"""This machine: Docker, the images that are built here, and what is removed at the end."""
