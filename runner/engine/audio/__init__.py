"""Any recording to 16 kHz, in a child process that a stranger's file cannot get out of."""
