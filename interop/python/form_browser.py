"""A browser without JavaScript: cookies, redirects and plain HTML forms, nothing else."""

from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests

HOPS = 12


class FormBrowser:
    def __init__(self):
        self.session = requests.Session()

    def authorize(self, url, username, password, redirect_uri, decision="allow"):
        """Goes through whatever forms come until the server sends the browser to redirect_uri.

        Gives that address, unvisited.
        """
        answer = self.send("GET", url)
        for _ in range(HOPS):
            if answer.is_redirect:
                target = urljoin(answer.url, answer.headers["location"])
                if target.startswith(redirect_uri):
                    return target
                answer = self.send("GET", target)
                continue
            form = next((form for form in forms(answer.text) if form.known()), None)
            if form is None:
                raise AssertionError(f"no form to go on with: {answer.status_code} {answer.text}")
            fields = dict(form.hidden)
            if "username" in form.names:
                fields |= {"username": username, "password": password}
            else:
                fields["decision"] = decision
            answer = self.send("POST", urljoin(answer.url, form.action), fields)
        raise AssertionError(f"no way to {redirect_uri} within {HOPS} steps")

    def send(self, method, url, fields=None):
        site = urlsplit(url)
        headers = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        if method == "POST":
            headers |= {"Origin": f"{site.scheme}://{site.netloc}", "Sec-Fetch-Site": "same-origin"}
        return self.session.request(
            method, url, data=fields, headers=headers, allow_redirects=False, timeout=10
        )


class Form:
    def __init__(self, action):
        self.action = action
        self.hidden = {}
        self.names = set()

    def known(self):
        return bool(self.names & {"username", "decision"})


def forms(html):
    reader = FormReader()
    reader.feed(html)
    return reader.forms


class FormReader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.forms = []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "form":
            self.forms.append(Form(attributes.get("action", "")))
        elif tag in ("input", "button") and self.forms and "name" in attributes:
            form = self.forms[-1]
            form.names.add(attributes["name"])
            if attributes.get("type") == "hidden":
                form.hidden[attributes["name"]] = attributes.get("value") or ""
