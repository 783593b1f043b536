"""Compile a program for the GPU that is here, run it, and say what it printed."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = r"""
#include <cstdio>
__global__ void add(int *sum) { atomicAdd(sum, threadIdx.x); }
int main() {
  int *sum = nullptr;
  if (cudaMallocManaged(&sum, sizeof *sum) != cudaSuccess) return 1;
  *sum = 0;
  add<<<1, 100>>>(sum);
  if (cudaDeviceSynchronize() != cudaSuccess) return 2;
  std::printf("%d", *sum);
  return 0;
}
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder, "sum.cu"), Path(folder, "sum")
        source.write_text(SOURCE)
        compiled = subprocess.run(
            [sys.argv[1], "-arch=sm_75", "-o", str(program), str(source)], capture_output=True, text=True
        )
        if compiled.returncode != 0:
            print(json.dumps({"error": compiled.stderr or "nvcc failed", "output": ""}))
            return
        run = subprocess.run([str(program)], capture_output=True, text=True)
        error = "" if run.returncode == 0 else f"the program ended with {run.returncode} {run.stderr}"
        print(json.dumps({"error": error, "output": run.stdout}))


main()
