"""AWS on this computer: moto's server behind an edge that answers what moto lacks, fails on demand, and keeps a list.

with aws() as cloud:
    cloud.fail("RunInstances", "InsufficientInstanceCapacity", times=2)
    subprocess.run([...], env={**os.environ, **cloud.environment})
    assert cloud.asked("RunInstances")[0].parameters["InstanceType"] == "g4dn.xlarge"
"""

from tests.support.aws.cloud import Cloud, aws
from tests.support.aws.edge import Answer, Fault, Request

__all__ = ["Answer", "Cloud", "Fault", "Request", "aws"]
