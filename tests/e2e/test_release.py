"""What a release brings deploys as it is: the template with the zip beside it; no sources, no Rust, no Docker.

In `make release-check` these are the files in dist; otherwise they are made of the build that all these tests deploy.
"""

import json
import os
import pathlib
import shutil
import subprocess
import zipfile

import pytest
import yaml

from tests.harness import make
from tests.harness.emulator import BUILT_TEMPLATE, REGION, ROOT, Stack
from tests.harness.fake_oidc import NULL_500
from tests.harness.released import ARCHITECTURE, DIST
from tests.harness.runtime_api import PATIENCE
from tools import release

BUILD = release.Build(ARCHITECTURE, BUILT_TEMPLATE.parent / "TriageFunction" / "bootstrap", pathlib.Path(os.devnull))


@pytest.fixture
def folder(tmp_path):
    """The template and the zip, and nothing else: what somebody downloads who only deploys."""
    if DIST:
        template = DIST / f"template{BUILD.suffix}.yaml"
        for file in (template, DIST / code_of(template)):
            shutil.copy(file, tmp_path)
    else:
        for name, content in release.deployable(BUILD).items():
            (tmp_path / name).write_bytes(content)
    return tmp_path


class Loader(yaml.SafeLoader):
    """Leaves CloudFormation's functions out."""


Loader.add_multi_constructor("!", lambda loader, suffix, node: None)


def code_of(template):
    """What both functions are made of."""
    resources = yaml.load(template.read_text(), Loader)["Resources"]
    [code] = {resources[name]["Properties"]["CodeUri"] for name in ("TriageFunction", "WatcherFunction")}
    return code


def test_the_released_template_deploys_the_released_zip(emulator, folder, oidc):
    stack = Stack(emulator, "555555555555", template=folder / f"template{BUILD.suffix}.yaml")
    queue = stack.topic_queue()
    oidc.script_all(NULL_500)
    answer = stack.client("lambda").invoke(FunctionName=stack.outputs["EventsArn"],
                                           Payload=json.dumps(make.sqs(make.outage("us-east-1", callers=8))).encode())
    body = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, body
    assert {failure["cause"] for failure in body["failures"]} == {"service"} and len(body["failures"]) == 8
    [message] = queue.receive(1)
    queue.close()
    assert json.loads(json.loads(message)["Message"])["diagnosis"] == "outage"


def package(emulator, account, *arguments):
    bucket = f"packages-{account}"
    emulator.client("s3", account).create_bucket(Bucket=bucket)
    program = os.environ.get("OIDC_TRIAGE_SAM") or str(ROOT / ".venv" / "bin" / "sam")
    given = {"PATH": "/usr/bin:/bin", "HOME": str(emulator.folder), "SAM_CLI_TELEMETRY": "0", "AWS_ACCESS_KEY_ID": account,
             "AWS_SECRET_ACCESS_KEY": "made-up", "AWS_DEFAULT_REGION": REGION, "AWS_ENDPOINT_URL": emulator.url}
    done = subprocess.run([program, "package", "--s3-bucket", bucket, *arguments], capture_output=True, text=True,
                          timeout=5 * PATIENCE, env=given)
    assert done.returncode == 0, done.stderr


def stored(emulator, account, url):
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return emulator.client("s3", account).get_object(Bucket=bucket, Key=key)["Body"].read()


def test_a_package_of_it_uploads_the_zip_as_it_is(emulator, folder):
    account, packaged = "666666666666", folder / "packaged.yaml"
    package(emulator, account, "--template-file", str(folder / f"template{BUILD.suffix}.yaml"), "--output-template-file", str(packaged))
    [zipped] = folder.glob("*.zip")
    assert stored(emulator, account, code_of(packaged)) == zipped.read_bytes()


@pytest.mark.skipif(bool(DIST), reason="published from the sources")
def test_the_template_can_be_packaged_for_the_serverless_application_repository(emulator, tmp_path):
    """What `sam publish` wants: licence and README by the addresses of their copies, and code by that of a zip."""
    account, packaged = "777777777777", tmp_path / "packaged.yaml"
    package(emulator, account, "--template-file", str(BUILT_TEMPLATE), "--output-template-file", str(packaged))
    said = yaml.load(packaged.read_text(), Loader)["Metadata"]["AWS::ServerlessRepo::Application"]
    assert stored(emulator, account, said["LicenseUrl"]) == (ROOT / "LICENSE").read_bytes()
    assert stored(emulator, account, said["ReadmeUrl"]) == (ROOT / "README.md").read_bytes()
    code = tmp_path / "code.zip"
    code.write_bytes(stored(emulator, account, code_of(packaged)))
    assert zipfile.ZipFile(code).namelist() == ["bootstrap"]
