"""Machine images made and proven: what is asked before a build, the build told by stage, and what it leaves behind."""
