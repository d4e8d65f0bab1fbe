"""A MariaDB store with two members: who is what, promotion by command, and going back to a point."""
