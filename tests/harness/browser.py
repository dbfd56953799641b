"""A real browser: Debian's Chromium without a screen, driven through chromedriver by W3C WebDriver (plain HTTP and JSON).

Nothing but Python's standard library. Every browser has a folder of its own for its settings, and no network is needed.
"""

import base64
import contextlib
import http.client
import json
import re
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

from .runtime_api import PATIENCE

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CHROMEDRIVER = shutil.which("chromedriver")

# The reason why there is none; None if there is one.
MISSING = None if CHROMIUM and CHROMEDRIVER else "no chromium and chromedriver here (Debian: chromium, chromium-driver)"

SWITCHES = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"]

# The key by which WebDriver distinguishes an element from other JSON.
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"

STARTED = re.compile(r"started successfully on port (\d+)")

KEYS = {"Tab": "\ue004", "Enter": "\ue007", "Left": "\ue012", "Right": "\ue014", "Home": "\ue011", "End": "\ue010"}


class Driver:
    """A chromedriver, for the length of a `with`."""

    def __enter__(self):
        self.process = subprocess.Popen([CHROMEDRIVER, "--port=0"], stdin=subprocess.DEVNULL, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        # It chooses a free one, and prints it.
        self.port = next((int(found[1]) for line in self.process.stdout if (found := STARTED.search(line))), None)
        # Its later output is not needed, but must not block it.
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        until = time.monotonic() + PATIENCE
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > until:
                self.__exit__()
                raise RuntimeError("chromedriver does not start")
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def is_ready(self):
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.request("GET", "/status")["ready"]
        return False

    def request(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, method=method,
                                         headers={"Content-Type": "application/json"})
        # A proxy of the environment is not for loopback.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise RuntimeError(f"{method} {path}: {value['error']}: {value['message']}") from None


class Browser:
    """A session: one window, for the length of a `with`."""

    def __init__(self, driver):
        self.driver = driver

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="oidc-triage-browser-", ignore_cleanup_errors=True)
        options = {"binary": CHROMIUM, "args": [*SWITCHES, f"--user-data-dir={self.folder.name}"]}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        try:
            session = self.driver.request("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        except BaseException:
            self.folder.cleanup()
            raise
        self.path = f"/session/{session['sessionId']}"
        return self

    def __exit__(self, *_):
        with contextlib.suppress(RuntimeError, OSError):
            self.driver.request("DELETE", self.path)
        self.folder.cleanup()

    def post(self, path, **body):
        return self.driver.request("POST", self.path + path, body)

    def devtools(self, command, **parameters):
        """A command of Chromium's own protocol."""
        return self.post("/goog/cdp/execute", cmd=command, params=parameters)

    def open(self, url):
        self.post("/url", url=url)

    def run(self, script, *arguments):
        """The script's result. It runs next to the page, whatever the page's policy forbids."""
        return self.post("/execute/sync", script=script, args=list(arguments))

    def find(self, selector):
        return self.post("/element", using="css selector", value=selector)[ELEMENT]

    def click(self, selector, x=0, pointer="mouse"):
        """Like a person: scrolls there, and presses whatever is `x` pixels to the right of the middle of it. With `touch`
        nothing hovers before it."""
        element = {ELEMENT: self.find(selector)}
        self.run("arguments[0].scrollIntoView({ block: 'center' })", element)
        moves = [{"type": "pointerMove", "origin": element, "x": x, "y": 0}, {"type": "pointerDown", "button": 0},
                 {"type": "pointerUp", "button": 0}]
        self.post("/actions", actions=[{"type": "pointer", "id": pointer, "parameters": {"pointerType": pointer},
                                        "actions": moves}])

    def press(self, key):
        strokes = [{"type": kind, "value": KEYS[key]} for kind in ("keyDown", "keyUp")]
        self.post("/actions", actions=[{"type": "key", "id": "keyboard", "actions": strokes}])

    def resize(self, width, height=900):
        """The page's own width: a window's border and least width do not count."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                      mobile=False)

    def emulate(self, media="", **features):
        """A medium (`print`), and what the reader prefers: `prefers_color_scheme="dark"`."""
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.devtools("Emulation.setEmulatedMedia", media=media, features=features)

    def console(self):
        """The page's console messages since the last call."""
        return self.post("/se/log", type="browser")

    def paper(self, path=None):
        """How many pages of A4 it is when it is printed; the PDF is left at `path`."""
        pdf = base64.b64decode(self.devtools("Page.printToPDF", preferCSSPageSize=True, printBackground=True)["data"])
        if path is not None:
            path.write_bytes(pdf)
        return len(re.findall(rb"/Type /Page\b", pdf))

    def screenshot(self, path, height=None):
        """Of the window, or of the page down to a height."""
        clip = {}
        if height is not None:
            width = self.run("return innerWidth")
            clip = {"clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1},
                    "captureBeyondViewport": True}
        path.write_bytes(base64.b64decode(self.devtools("Page.captureScreenshot", **clip)["data"]))
