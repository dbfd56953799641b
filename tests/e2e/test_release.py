"""The released template deploys the released zip alone: no sources, no Rust."""

import json

from tests.harness import make
from tests.harness.emulator import BUILT_TEMPLATE, ROOT, Stack
from tools import release


def test_the_released_template_deploys_the_released_zip(emulator, tmp_path):
    bootstrap = BUILT_TEMPLATE.parent / "TriageFunction" / "bootstrap"
    (tmp_path / "function.zip").write_bytes(release.zipped(bootstrap))
    (tmp_path / "template.yaml").write_text(release.template((ROOT / "template.yaml").read_text(), "function.zip"))
    stack = Stack(emulator, "555555555555", template=tmp_path / "template.yaml")
    answer = stack.client("lambda").invoke(FunctionName=stack.outputs["FunctionName"],
                                           Payload=json.dumps(make.cloudtrail()).encode())
    assert [failure["cause"] for failure in json.loads(answer["Payload"].read())["failures"]] == ["service"]
