"""`colorway`, and `python -m colorway`."""

import gc

# Modules and models live to the end: looking for garbage among them took a third of the time that a command takes to
# begin, and taking them apart again 0.3 s at its end.
gc.disable()

from colorway.cli.stack import main as run  # noqa: E402 - see above


def main() -> None:
    """Run the command line; see `colorway.cli.stack.main`."""
    gc.freeze()
    gc.enable()
    try:
        run()
    finally:
        gc.freeze()


if __name__ == "__main__":
    main()
