"""`python -m colorway`."""

from colorway.cli import main

main()
