"""The checks that prove a running machine to be such an image, and what runs them over one SSH connection.

`pytest --hosts=ssh://user@host` from the top of the project runs exactly these.
"""
