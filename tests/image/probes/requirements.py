"""Which package lacks another, or a version of it; run by the product's own Python, which has `packaging`."""

from __future__ import annotations

import json
from importlib.metadata import distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def main() -> None:
    installed = {canonicalize_name(found.metadata["Name"]): found for found in distributions()}
    unmet = []
    for name, found in installed.items():
        for requirement in map(Requirement, found.requires or ()):
            if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
                continue
            other = installed.get(canonicalize_name(requirement.name))
            if other is None or not requirement.specifier.contains(other.version, prereleases=True):
                unmet.append(f"{name} wants {requirement} and has {other.version if other else 'none'}")
    print(json.dumps(sorted(unmet)))


main()
