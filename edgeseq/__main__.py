"""``python -m edgeseq``."""

from edgeseq.cli.main import main

if __name__ == "__main__":
    main()
