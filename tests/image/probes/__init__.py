"""Programs that run on the machine under check: standard library only, Python 3.10, one JSON object on stdout."""
