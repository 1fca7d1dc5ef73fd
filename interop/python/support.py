"""The emulator's own doors, and the person at the browser."""

import os
import threading
import unittest
import webbrowser

import requests

EMULATOR = os.environ["EMULATOR"]
CLIENT_ID = os.environ["CLIENT_ID"]
CLIENT_SECRET = os.environ["CLIENT_SECRET"]
REDIRECT_URI = "http://127.0.0.1:8080/auth/google/callback"

EMAIL = "https://www.googleapis.com/auth/userinfo.email"
PROFILE = "https://www.googleapis.com/auth/userinfo.profile"
CALENDAR = "https://www.googleapis.com/auth/calendar.events"
DRIVE = "https://www.googleapis.com/auth/drive.file"
SCOPES = ["openid", EMAIL, PROFILE, CALENDAR, DRIVE]

ADA = "ada@example.com"
LINUS = "linus@corp.example"
ADA_SUB = "108151210181518451210"

# The loopback addresses of an emulator are plain HTTP, which oauthlib takes only when told to.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"


def control(method, path, body=None):
    """Calls the control API."""
    answer = requests.request(method, f"{EMULATOR}/_emulator/{path}", json=body)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def advance_clock(seconds):
    control("POST", "clock", {"advance_seconds": seconds})


def ledger(*kinds):
    """What happened, in order: the events of these kinds."""
    return [event for event in control("GET", "ledger?after=0")["events"] if event["kind"] in kinds]


def visit(url, redirect_uri=REDIRECT_URI):
    """Goes to an authorization page and follows it to the application's address, with the answer in it."""
    for _ in range(10):
        answer = requests.get(url, allow_redirects=False)
        url = requests.compat.urljoin(url, answer.headers["location"])
        if url.startswith(redirect_uri):
            return url
    raise AssertionError(f"no end of redirects at {url}")


class Browser(webbrowser.BaseBrowser):
    """A browser for programs that open one: it goes where it is sent, on a thread of its own."""

    def open(self, url, new=0, autoraise=True):
        threading.Thread(target=requests.get, args=[url], daemon=True).start()
        return True


webbrowser.register("interop", None, Browser())


class NewDay(unittest.TestCase):
    """Everything as in the beginning, and Ada at the browser, who allows whatever she is asked."""

    def setUp(self):
        control("POST", "reset")
        control("PUT", "autopilot", {"user": ADA, "decision": "allow"})
