"""A page as a person's browser shows it, and as a program reads it."""

import base64
import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--remote-debugging-pipe",
)  # fmt: skip


class Page(HTMLParser):
    """What is in an HTML page.

    Attributes
    ----------
    tags : list of (str, dict)
        Every element with its attributes, in order.
    rows : list of list of str
        The cells of all table rows.
    text : str
        What is to be read, white space put together.
    """

    def __init__(self, path):
        super().__init__()
        self.tags, self.rows, self._words, self._open = [], [], [], []
        self.feed(Path(path).read_text(encoding="utf-8"))
        self.text = " ".join("".join(self._words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        self._words.append(" ")

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass  # elements without an end

    def handle_data(self, data):
        if {"style", "script"} & set(self._open):
            return
        self._words.append(data)
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data

    def of(self, tag):
        """Attributes of all elements of a tag."""
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def warnings(self):
        """Kinds of the warnings that are shown."""
        return [its["data-kind"] for its in self.of("article")]

    @property
    def pictures(self):
        """(attributes, bytes) of all pictures that the page holds."""
        found = []
        for its in self.of("img"):
            match = re.fullmatch(r"data:image/(?:png|jpeg);base64,([A-Za-z0-9+/=]+)", its["src"])
            found.append((its, base64.b64decode(match[1], validate=True)))
        return found


class Browser:
    """Debian's chromium without a window, told what to do through a pipe; a context manager.

    Parameters
    ----------
    profile : Path
        Directory for its files.
    """

    def __init__(self, profile):
        self._profile, self._number, self.complaints = profile, 0, []

    def __enter__(self):
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()

        def as_3_and_4():  # the numbers that chromium reads from and writes to
            held = [os.dup(end) for end in (theirs_in, theirs_out)]
            os.dup2(held[0], 3)
            os.dup2(held[1], 4)

        self._process = subprocess.Popen(
            [CHROMIUM, *_OPTIONS, f"--user-data-dir={self._profile}"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False, preexec_fn=as_3_and_4,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self._rest = b""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable", self._session)
        return self

    def __exit__(self, *_):
        self._call("Browser.close")
        self._process.wait(30)
        os.close(self._in)
        os.close(self._out)

    def show(self, path, width, height=900):
        """Open a page in a window of a size; False for scripts of the page."""
        self._call(
            "Emulation.setDeviceMetricsOverride", self._session,
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        self._call("Page.navigate", self._session, url=Path(path).resolve().as_uri())
        while self.ask("document.readyState") != "complete":
            pass

    def ask(self, script):
        """What JavaScript gives."""
        answer = self._call("Runtime.evaluate", self._session, expression=script, returnByValue=True)
        return answer["result"].get("value")

    def prefer(self, scheme):
        """Be a screen of a person who likes it 'dark' or 'light'."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._call("Emulation.setEmulatedMedia", self._session, features=features)

    def ask_print(self):
        """The page as a printer gets it, PDF in base64."""
        return self._call("Page.printToPDF", self._session)["data"]

    def picture(self, path):
        """Save what the whole page looks like."""
        answer = self._call("Page.captureScreenshot", self._session, captureBeyondViewport=True)
        Path(path).write_bytes(base64.b64decode(answer["data"]))

    def _call(self, method, session=None, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def _note(self, event):
        """Keep what the page complains of, and what it asks the network for."""
        name, its = event.get("method"), event.get("params", {})
        if name == "Log.entryAdded":
            self.complaints.append(its["entry"]["text"])
        elif name in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
            self.complaints.append(name)
        elif name == "Network.requestWillBeSent" and not its["request"]["url"].startswith(("data:", "file:")):
            self.complaints.append(its["request"]["url"])

    def _next(self):
        while b"\0" not in self._rest:
            part = os.read(self._in, 1 << 20)
            assert part, "chromium is gone"
            self._rest += part
        line, self._rest = self._rest.split(b"\0", 1)
        return json.loads(line)
