"""Our engine beside its peers: same sound, same weights, same machine, one run."""
