"""Makes the calls of `experiments`, one after the other, and notes each before and after."""

import time

from . import experiments as of
from .aws import Answer
from .notebook import NO_ANSWER, Call
from .text import one_line

#: A person finds the browser, the password and the second factor.
SIGN_IN_S = 300
EXPIRE_S_MAX = 1800
#: The service's own words for "ask more slowly": RFC 8628, 3.5.
SLOWER_S = 5


class Maker:
    def __init__(self, settings, aws, caller, book, say):
        self.settings, self.book, self.say, self._aws = settings, book, say, aws
        client = aws.client("sso-oidc")
        self._methods = {"RegisterClient": client.register_client, "StartDeviceAuthorization": client.start_device_authorization,
                         "CreateToken": client.create_token, "CreateTokenWithIAM": client.create_token_with_iam}
        self.held = of.Held(book.run, settings.start_url, settings.application)
        if caller and not self.held.application:
            self.held.application = (f"arn:{caller.partition}:sso::{caller.account}:application/"
                                     "ssoins-0000000000000000/apl-0000000000000000")
        self._has = {of.START_URL: settings.start_url is not None, of.CREDENTIALS: caller is not None, of.EXPIRED: settings.expired,
                     of.CLIENT: False, of.DEVICE: False, of.SIGN_IN: False}
        self._expires_at = self._interval = 0.0

    def all(self):
        answer = self.make(of.REGISTER)
        if answer and answer.trouble:
            return
        self._has[of.CLIENT] = bool(answer and answer.is_served and self._take(answer, client_id="clientId", client_secret="clientSecret"))
        answer = self.make(of.START_TO_EXPIRE)
        if answer and answer.is_served and self._take(answer, other_device_code="deviceCode"):
            self._expires_at = time.monotonic() + min(_seconds(answer, "expiresIn", 600), EXPIRE_S_MAX)
        begun = self.make(of.START)
        if begun and begun.is_served and self._take(begun, device_code="deviceCode"):
            self._has[of.DEVICE] = True
            self._interval = min(_seconds(begun, "interval", 1), 30)
        for one in of.FAILING:
            self.make(one)
        self._sign_in(begun)
        for one in of.AFTER_SIGN_IN:
            self.make(one)
        self._expire()

    def secrets(self):
        """What came in answers, each with its kind, for the redaction."""
        yield "client", self.held.client_id
        yield from (("secret", value) for value in sorted(self.held.secrets))

    def make(self, one):
        """Its last answer; None where it was left out."""
        lacking = [need for need in one.needs if not self._has[need]]
        if lacking:
            self.book.skipped[one.name] = lacking[-1] if lacking == [of.CLIENT] else next(n for n in lacking if n != of.CLIENT)
            self.book.save()
            return None
        for number in range(one.burst):
            if self.book.calls and number == 0:
                time.sleep(self.settings.pause)
            answer = self.once(one)
            if answer.code != one.expect[0]:
                break
        return answer

    def once(self, one):
        call = Call(one.name, one.operation, time.time())
        self.book.calls.append(call)
        # Before it is made: if this program ends now, the record may still be found by its marks.
        self.book.save()
        answer: Answer = self._aws.ask(self._methods[one.operation], **one.inputs(self.held))
        if answer.status is not None:
            self.book.skew = answer.at - time.time()
        call.at, call.status, call.request_id = answer.at, answer.status, answer.request_id
        call.answer = NO_ANSWER if answer.trouble else answer.code or of.SERVED
        for value in answer.data.values():
            if isinstance(value, str) and len(value) >= 6 and value != "Bearer":
                self.held.secrets.add(value)
        self.book.save()
        self.say(f"{call.experiment}: {answer.trouble and NO_ANSWER + ', ' + answer.trouble or call.answer}")
        return answer

    def _take(self, answer, **names):
        """Keeps what the answer gives; whether all of it was there."""
        found = {ours: answer.data.get(theirs) for ours, theirs in names.items()}
        for name, value in found.items():
            setattr(self.held, name, value)
        return all(isinstance(value, str) and value for value in found.values())

    def _sign_in(self, begun):
        if not (self.settings.sign_in and self._has[of.DEVICE]):
            self.book.skipped[of.SIGNED_IN.name] = of.SIGN_IN
            return
        where = begun.data.get("verificationUriComplete") or begun.data.get("verificationUri")
        # The one thing that has to be shown: it is worth nothing once it was used.
        print(f"\nSign in: open {one_line(where, 500)}\nand check that it shows the code {one_line(begun.data.get('userCode', ''), 40)}\n",
              flush=True)
        until, self._has[of.SIGN_IN] = time.monotonic() + SIGN_IN_S, True
        interval = self._interval + SLOWER_S
        while time.monotonic() < until:
            time.sleep(interval)
            answer = self.once(of.SIGNED_IN)
            if answer.is_served:
                self._has[of.SIGN_IN] = self._take(answer, refresh_token="refreshToken")
                return
            if answer.code == "SlowDownException":
                interval += SLOWER_S
            elif answer.code != "AuthorizationPendingException":
                break
        self._has[of.SIGN_IN] = False
        self.say("nobody signed in: what needs a sign-in is left out")

    def _expire(self):
        if not self._expires_at:
            self.book.skipped[of.EXPIRED_CODE.name] = of.EXPIRED
            self.book.save()
            return
        # Not the exact second: the service's clock decides.
        while (left := self._expires_at + min(5, self.settings.every) - time.monotonic()) > 0:
            self.say(f"waits {left:.0f} s for the device code to expire")
            time.sleep(min(left, 30))
        self.make(of.EXPIRED_CODE)


def _seconds(answer, name, otherwise):
    value = answer.data.get(name)
    return value if isinstance(value, int) and value > 0 else otherwise
