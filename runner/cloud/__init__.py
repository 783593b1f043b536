"""AWS as this program uses it: the only wing that imports boto3. Its failures are sentences, never tracebacks."""
