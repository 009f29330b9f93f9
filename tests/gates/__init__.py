"""The runner of ``make test``: every gate runs, whatever the others say."""
