"""Where results lie: run folders, metadata, and what an earlier run has done."""
