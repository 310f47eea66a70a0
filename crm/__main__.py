"""`python -m crm` is the `crm` command."""

from crm.cli import main

if __name__ == "__main__":
    main()
