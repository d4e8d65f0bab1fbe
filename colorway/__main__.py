"""`python -m colorway`."""

from colorway.cli.stack import main

main()
