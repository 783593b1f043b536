"""Proof that the checks can fail: a machine is broken in one way after another, and the named check must go red."""
