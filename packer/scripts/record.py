"""Complete the record of a build: what the machine says it holds, which checks it passed, and digests of both.

    record.py OUTPUT    reads checks.json, checks-sealed.json and manifest.json there

Both go into the manifest and, as tags, onto the image in every region that has it.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

CHECKS = ("checks.json", "checks-sealed.json")


def main(output: Path) -> None:
    files = [output / name for name in CHECKS if (output / name).exists()]
    reports = [json.loads(file.read_text()) for file in files]
    digests = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    passed = sum(report["passed"] for report in reports)
    (declared,) = reports[0]["declared"].values()
    path = output / "manifest.json"
    manifest = json.loads(path.read_text())
    build = manifest["builds"][-1]
    build["custom_data"] |= {
        "checks": str(passed),
        "checks_by_subject": compact(by_subject(reports)),
        "checks_sha256": compact(digests),
        "machine": json.dumps(declared),
    }
    path.write_text(json.dumps(manifest, indent=2) + "\n")
    if build["builder_type"] == "amazon-ebs":
        tags = {**tags_of(declared), "Checks": str(passed), "ChecksSha256": one_digest(digests)}
        tag(build["artifact_id"], tags)
    sys.stdout.write(f"{passed} checks passed\n")


def by_subject(reports: Iterable[Mapping[str, Any]]) -> dict[str, list[int]]:
    """How many checks of each subject passed, failed and were left out, before the wipe and after it together."""
    found: dict[str, list[int]] = {}
    for report in reports:
        for subject, row in report["subjects"].items():
            before = found.get(subject, [0, 0, 0])
            found[subject] = [
                before[0] + row["passed"],
                before[1] + row["failed"],
                before[2] + row["left_out"],
            ]
    return found


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def one_digest(files: Mapping[str, str]) -> str:
    """One sum over the sums of files, by name. The same as: LC_ALL=C sha256sum -- * | sha256sum"""
    lines = "".join(f"{files[name]}  {name}\n" for name in sorted(files))
    return hashlib.sha256(lines.encode()).hexdigest()


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
        "ModelSha256": one_digest(model["files"]),
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
