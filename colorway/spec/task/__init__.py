"""What one task of a service is: its process, files, health, and what becomes of it when it ends or changes."""
