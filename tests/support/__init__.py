"""What the tests lean on: speech to hear, a model to hear it with, and packages of the system."""
