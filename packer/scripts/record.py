"""Complete the record of a build: what the machine says it holds, and how many checks it passed.

    record.py OUTPUT    reads checks.json, checks-sealed.json and manifest.json there

Both go into the manifest and, as tags, onto the image in every region that has it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CHECKS = ("checks.json", "checks-sealed.json")


def main(output: Path) -> None:
    reports = [json.loads((output / name).read_text()) for name in CHECKS if (output / name).exists()]
    passed = sum(report["passed"] for report in reports)
    (declared,) = reports[0]["declared"].values()
    path = output / "manifest.json"
    manifest = json.loads(path.read_text())
    build = manifest["builds"][-1]
    build["custom_data"] |= {"checks": str(passed), "machine": json.dumps(declared)}
    path.write_text(json.dumps(manifest, indent=2) + "\n")
    if build["builder_type"] == "amazon-ebs":
        tag(build["artifact_id"], {**tags_of(declared), "Checks": str(passed)})
    sys.stdout.write(f"{passed} checks passed\n")


def tags_of(declared: Mapping[str, Any]) -> dict[str, str]:
    """What .setup_complete says, as tags."""
    driver, model = declared["driver"], declared["model"]
    said = {
        "Kernel": declared["kernel"],
        "Driver": driver and f"{driver['version']}-{driver['flavour']}",
        "Cuda": declared["cuda"],
        "Cudnn": declared["cudnn"],
        "Python": declared["python"],
        "Torch": declared["torch"],
        "Transformers": declared["transformers"],
        "Model": model["id"],
        "ModelRevision": model["revision"],
        "LockSha256": declared["lock_sha256"],
        "VenvSha256": declared["venv_sha256"],
        "WheelSha256": declared["wheel_sha256"],
    }
    return {name: str(value or "none") for name, value in said.items()}


def tag(images: str, tags: Mapping[str, str]) -> None:
    """Tag each of the images, which are region:id with commas between."""
    import boto3

    for region, image in (one.split(":") for one in images.split(",")):
        boto3.client("ec2", region_name=region).create_tags(
            Resources=[image], Tags=[{"Key": name, "Value": value} for name, value in tags.items()]
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
