"""`python -m studio` is `lamplight`."""

from studio.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
