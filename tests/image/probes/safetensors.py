"""How long a safetensors file says that it is, and how long it is."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path


def main() -> None:
    path = Path(sys.argv[1])
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        head = json.loads(file.read(length))
    tensors = [entry for name, entry in head.items() if name != "__metadata__"]
    told = 8 + length + max(entry["data_offsets"][1] for entry in tensors)
    print(json.dumps({"size": path.stat().st_size, "told": told, "tensors": len(tensors)}))


main()
