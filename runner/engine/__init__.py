"""Audio in, transcript out: the only wing that imports torch."""

import os

# What is heard here is nobody else's business; libraries read these when they are imported.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
