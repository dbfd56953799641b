"""An SNS that keeps its messages, and fails on demand. It refuses what AWS refuses."""

import dataclasses
import json
import threading
import time
import urllib.parse

from .fault_proxy import Pause
from .servers import Handler, Server

TOPIC_ARN = "arn:aws:sns:us-east-1:123456789012:made-up-topic"
PAGER_TOPIC_ARN = "arn:aws:sns:us-east-1:123456789012:made-up-pager"
FALLBACK_TOPIC_ARN = "arn:aws:sns:eu-west-1:123456789012:made-up-fallback"


@dataclasses.dataclass(frozen=True)
class Published:
    """`message` is the text for mail subscribers; `texts` the text of each protocol that has its own."""
    topic: str
    subject: str
    message: str
    attributes: dict
    at: float
    message_id: str
    texts: dict = dataclasses.field(default_factory=dict)

    @property
    def machine(self):
        """The message as a queue or a function gets it."""
        return json.loads(self.texts.get("default", self.message))


@dataclasses.dataclass(frozen=True)
class Trouble:
    """A fault of a publish: a status (0: the connection drops), after a delay, whether the message was accepted or
    not."""
    status: int = 500
    code: str = "InternalFailure"
    delay: float = 0.0
    taken: bool = False


class FakeSns(Server):
    def __init__(self):
        super().__init__(_Handler)
        #: Unreachable topics: the connection drops.
        self.unreachable = set()
        #: The code with which a topic refuses.
        self.refused = {}
        #: How many of a topic's subscriptions are confirmed, and how many are not yet.
        self.subscriptions = {}
        self.lock = threading.Lock()
        self.published: list[Published] = []
        self.attempts = 0
        self._troubles = []

    def fail(self, *troubles):
        """The next publishes get these, one each; then it works again."""
        with self.lock:
            self._troubles = list(troubles)

    def pause(self, after=False):
        """Pauses the next publish, before or after the message was accepted."""
        pause = Pause(after)
        self.fail(pause)
        return pause

    def heal(self):
        with self.lock:
            troubles, self._troubles = self._troubles, []
        for trouble in troubles:
            if isinstance(trouble, Pause):
                trouble.release()

    def next_trouble(self):
        with self.lock:
            self.attempts += 1
            return self._troubles.pop(0) if self._troubles else None

    def take(self, form):
        attributes = {}
        for key, name in form.items():
            if key.startswith("MessageAttributes.entry.") and key.endswith(".Name"):
                attributes[name] = form.get(key.removesuffix("Name") + "Value.StringValue")
        with self.lock:
            message_id = f"11111111-0000-4000-8000-{len(self.published) + 1:012d}"
            message, texts = form.get("Message", ""), {}
            if form.get("MessageStructure") == "json":
                texts = json.loads(message)
                message = texts.get("email", texts["default"])
            self.published.append(Published(form.get("TopicArn", ""), form.get("Subject", ""), message, attributes,
                                            time.time(), message_id, texts))
        return message_id


def refused_by_aws(form):
    """SNS's limits that the emulator does not check."""
    subject, message = form.get("Subject", ""), form.get("Message", "")
    size = len(message.encode()) + sum(len(value.encode()) for key, value in form.items() if "MessageAttributes" in key)
    if not message or size > 262144:
        return "Invalid parameter: Message"
    if form.get("MessageStructure") == "json":
        try:
            texts = json.loads(message)
        except ValueError:
            return "Invalid parameter: Message Structure - JSON message body failed to parse"
        if "default" not in texts:
            return "Invalid parameter: Message Structure - No default entry in JSON message body"
        if not all(isinstance(text, str) for text in texts.values()):
            return "Invalid parameter: Message Structure"
    if subject and (len(subject) >= 100 or not subject.isascii() or not subject.isprintable()
                    or subject[0] == " "):
        return "Invalid parameter: Subject"
    return None


class _Handler(Handler):
    def do_POST(self):
        form = dict(urllib.parse.parse_qsl(self.body().decode(), keep_blank_values=True))
        if form.get("Action") == "GetTopicAttributes":
            return self.attributes(form["TopicArn"])
        trouble = self.server.next_trouble()
        if form.get("TopicArn") in self.server.unreachable:
            trouble = Trouble(status=0)
        if form.get("TopicArn") in self.server.refused:
            trouble = Trouble(403, self.server.refused[form["TopicArn"]])
        if isinstance(trouble, Pause):
            if trouble.after:
                self.server.take(form)
            trouble.reached.set()
            trouble.over.wait()
            if trouble.after or not trouble.forward:
                # Nobody is left to be answered.
                self.close_connection = True
                return
        elif trouble:
            if trouble.taken:
                self.server.take(form)
            time.sleep(trouble.delay)
            if trouble.status == 0:
                self.close_connection = True
                return
            return self.error(trouble.status, trouble.code, "scripted trouble")
        refusal = refused_by_aws(form)
        if refusal:
            return self.error(400, "InvalidParameter", refusal)
        message_id = self.server.take(form)
        self.xml(200, "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>"
                      f"<MessageId>{message_id}</MessageId></PublishResult><ResponseMetadata>"
                      f"<RequestId>{message_id}</RequestId></ResponseMetadata></PublishResponse>")

    def attributes(self, topic):
        if topic in self.server.unreachable:
            self.close_connection = True
            return
        confirmed, pending = self.server.subscriptions.get(topic, (0, 0))
        entries = {"TopicArn": topic, "SubscriptionsConfirmed": confirmed, "SubscriptionsPending": pending, "SubscriptionsDeleted": 0}
        entries = "".join(f"<entry><key>{key}</key><value>{value}</value></entry>" for key, value in entries.items())
        self.xml(200, '<GetTopicAttributesResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><GetTopicAttributesResult>'
                      f"<Attributes>{entries}</Attributes></GetTopicAttributesResult><ResponseMetadata>"
                      "<RequestId>made-up</RequestId></ResponseMetadata></GetTopicAttributesResponse>")

    def error(self, status, code, message):
        self.xml(status, "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error>"
                         f"<Type>{'Sender' if status < 500 else 'Receiver'}</Type><Code>{code}</Code>"
                         f"<Message>{message}</Message></Error><RequestId>made-up</RequestId></ErrorResponse>")

    def xml(self, status, text):
        self.answer(status, text.encode(), {"Content-Type": "text/xml"})
