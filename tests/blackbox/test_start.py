"""A cold start: on Lambda the event is there before the process, and the certificates may not be read yet by then."""

import errno
import json
import os
import threading

import pytest

from tests.harness import make
from tests.harness.fake_sns import TOPIC_ARN
from tests.harness.servers import refused_url
from tests.harness.world import until

#: Of nobody. What signs itself is no secret.
ROOT = """-----BEGIN CERTIFICATE-----
MIIBRDCB96ADAgECAhRXyYmOClh9wjIEfdgXcrWtpkmI7zAFBgMrZXAwFzEVMBMG
A1UEAwwMbWFkZS11cCByb290MCAXDTI2MTEyNzA2NDMxMloYDzIxMjYxMTAzMDY0
MzEyWjAXMRUwEwYDVQQDDAxtYWRlLXVwIHJvb3QwKjAFBgMrZXADIQBBvLgM/dAe
VSp4z6tjzgCp0aGUxqM3v9lXLgXjGVK6RKNTMFEwHQYDVR0OBBYEFOk2vSJ93SYo
NkNNnhE8btJXiApNMB8GA1UdIwQYMBaAFOk2vSJ93SYoNkNNnhE8btJXiApNMA8G
A1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EA8DYh/7BqnJsNGmoUvxIqrKbT93qE0jPp
R8jpSMNf/61Qj8Rfy+Kruxb6lMLjj/cmuFbM/BtQYGnrA5hNXNufAg==
-----END CERTIFICATE-----
"""


class SlowBundle:
    """Certificates that appear only when given: a reader waits for them."""

    def __init__(self, path):
        self.path = path
        os.mkfifo(path)

    def is_read(self):
        try:
            self.pipe = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            assert error.errno == errno.ENXIO
            return False
        return True

    def give(self):
        os.write(self.pipe, ROOT.encode())
        os.close(self.pipe)


@pytest.fixture
def bundle(tmp_path):
    return SlowBundle(tmp_path / "bundle.crt")


def test_an_event_that_needs_no_call_does_not_wait_for_certificates(start, bundle):
    function = start(SSL_CERT_FILE=str(bundle.path))
    result = function.invoke(make.cloudtrail("InvalidGrantException"))
    assert result.error is None and result.answer["counts"]["request"] == 1
    until(bundle.is_read)
    bundle.give()
    assert function.alive and result.problems() == {}


def test_the_first_event_waits_for_certificates_that_it_needs_and_is_answered_like_any_other(start, bundle, sns):
    function = start(SSL_CERT_FILE=str(bundle.path))
    until(bundle.is_read)
    late = threading.Timer(0.5, bundle.give)
    late.start()
    result = function.invoke(make.sqs(make.outage()))
    late.join()
    assert result.error is None and result.problems() == {}
    assert [message.topic for message in sns.published] == [TOPIC_ARN]
    assert len(function.invoke(make.tick()).lines) == 1


@pytest.mark.parametrize(("content", "reason"), [
    (None, "No such file or directory"), ("", "no native root CA certificates found"),
    (ROOT.replace("MII", "?"), "failed to read PEM from file")], ids=["missing", "empty", "broken"])
def test_certificates_that_cannot_be_read_are_a_warning_and_a_notice_that_waits(start, tmp_path, content, reason):
    path = tmp_path / "made-up.crt"
    if content is not None:
        path.write_text(content)
    function = start(SSL_CERT_FILE=str(path), AWS_ENDPOINT_URL_SNS=refused_url().replace("http:", "https:"))
    result = function.invoke(make.sqs(make.outage()))
    assert result.answer["batchItemFailures"] and "no connection" in result.output, "as without a connection"
    warnings = [line for line in map(json.loads, function.all_output().splitlines()) if line.get("level") == "WARN"]
    assert reason in json.dumps(warnings) and all(line["timestamp"] for line in warnings)
    assert content is not None or str(path) in json.dumps(warnings)
    # Work without TLS continues, as does the function.
    assert function.invoke(make.call()).answer["failures"][0]["outcome"] == "recovered"


def test_credentials_may_lie_in_a_file_where_the_environment_has_none(start, tmp_path, sns):
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = made-up\n")
    function = start(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_SHARED_CREDENTIALS_FILE=str(file))
    assert function.invoke(make.sqs(make.outage())).problems() == {} and len(sns.published) == 1
