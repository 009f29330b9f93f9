"""The runner of ``make test``: every check runs, whatever the others say."""
