"""An Identity Store with some users that fails on demand."""

import json
import re
import threading
import time

from .servers import Handler, Server

STORE_ID = "d-1234567890"
STORE_ARN = f"arn:aws:identitystore::111122223333:identitystore/{STORE_ID}"

#: Of AWS's own model.
USER_ID = re.compile(r"([0-9a-f]{10}-|)[A-Fa-f0-9]{8}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{4}-[A-Fa-f0-9]{12}")

#: A user's other attributes, which are nobody's business.
PRIVATE = {"Emails": [{"Value": "planted-private@example.com", "Type": "home", "Primary": True}],
           "PhoneNumbers": [{"Value": "planted-phone-number"}], "Title": "planted-title",
           "Addresses": [{"StreetAddress": "planted-street"}], "NickName": "planted-nickname",
           "ProfileUrl": "https://planted-profile.example.com", "Birthdate": "planted-birthdate"}


def user_id(number):
    return f"94d00cd8-e9e6-4810-b177-b08e8477{number:04d}"


class FakeIdentityStore(Server):
    """`users`: names by user id, as the directory writes ids. `trouble`: (status, code) that every call meets, or None; with
    status 0 the connection drops."""

    def __init__(self, users=None):
        super().__init__(_Handler)
        self.users = users or {}
        self.trouble = None
        self.delay = 0.0
        self.lock = threading.Lock()
        #: The user ids that were asked for, in order.
        self.asked = []
        #: Whatever else was asked.
        self.other = []

    def settle(self, count, **names):
        """So many users, whose names say which they are."""
        self.users = {user_id(number): {"DisplayName": f"Person {number}", "UserName": f"person-{number}@example.com", **names}
                      for number in range(1, count + 1)}
        return self


class _Handler(Handler):
    def do_POST(self):
        server, asked = self.server, json.loads(self.body())
        with server.lock:
            if self.headers["X-Amz-Target"] != "AWSIdentityStore.DescribeUser" or asked["IdentityStoreId"] != STORE_ID:
                server.other.append((self.headers["X-Amz-Target"], asked))
            server.asked.append(asked["UserId"])
        time.sleep(server.delay)
        if server.trouble and server.trouble[0] == 0:
            self.close_connection = True
            return
        if server.trouble:
            return self.error(*server.trouble)
        if asked["IdentityStoreId"] != STORE_ID:
            return self.error(400, "ResourceNotFoundException", ResourceType="IDENTITY_STORE", ResourceId=asked["IdentityStoreId"])
        if not USER_ID.fullmatch(asked["UserId"]):
            return self.error(400, "ValidationException")
        if asked["UserId"] not in server.users:
            return self.error(400, "ResourceNotFoundException", ResourceType="USER", ResourceId=asked["UserId"])
        names = server.users[asked["UserId"]]
        self.json(200, {"IdentityStoreId": STORE_ID, "UserId": asked["UserId"], **PRIVATE, **names})

    def error(self, status, code, **more):
        self.json(status, {"__type": code, "Message": "planted-message-of-the-directory", **more})

    def json(self, status, body):
        self.answer(status, json.dumps(body).encode(), {"Content-Type": "application/x-amz-json-1.1"})
