"""Drives Chromium by Debian's chromedriver and Selenium, and runs axe-core, which npm fetches in the version of package-lock.json."""

import base64
import json
import os
import pathlib
import shutil

from harness import npm
from harness.npm import Unavailable
from harness.process import PATIENCE, wait_until

HERE = pathlib.Path(__file__).resolve().parent
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--disable-extensions", "--no-proxy-server")

# The violations of the content security policy, in each document from its start.
LISTEN_TO_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
"""


class Browser:
    def __init__(self, directory):
        try:
            from selenium import webdriver
            from selenium.webdriver.chrome.service import Service
        except ImportError:
            raise Unavailable("python3-selenium is not installed (tests/deps page)") from None
        programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
        missing = [name for name, path in programs.items() if not path]
        if missing:
            raise Unavailable(f"not installed (tests/deps page): {', '.join(missing)}")
        options = webdriver.ChromeOptions()
        options.binary_location = programs["chromium"]
        for flag in (*FLAGS, f"--user-data-dir={directory}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service(programs["chromedriver"]), options=options)
        self.driver.set_script_timeout(PATIENCE)
        self.tell("Page.addScriptToEvaluateOnNewDocument", source=LISTEN_TO_VIOLATIONS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()

    def tell(self, command, **parameters):
        """Runs one command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(command, parameters)

    def open(self, port, width=1280, height=900, scheme="light"):
        """Opens the page of an admin server in a window of this size, and waits for its first live figures."""
        self.resize(width, height)
        self.tell("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get(f"http://127.0.0.1:{port}/")
        self.wait_for(lambda: self.text("#state") != "connecting", "live figures")

    def resize(self, width, height):
        self.tell("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def run_and_wait(self, script, *arguments):
        """Runs a script that calls its last argument at its end."""
        return self.driver.execute_async_script(script, *arguments)

    def text(self, selector):
        """The visible text of the element; "" if there is no such element."""
        return self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def texts(self, selector):
        return self.run("return [...document.querySelectorAll(arguments[0])].map((found) => found.innerText)", selector)

    def count(self, selector):
        return self.run("return document.querySelectorAll(arguments[0]).length", selector)

    def press(self, key):
        """Presses a key, by its name in selenium.webdriver.Keys, such as TAB."""
        from selenium.webdriver import ActionChains, Keys

        ActionChains(self.driver).send_keys(getattr(Keys, key)).perform()

    def wait_for(self, condition, what):
        try:
            return wait_until(condition, f"the page: {what}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.run('return document.body.innerText')}\n{self.driver.get_log('browser')}") from None

    def wait_for_text(self, selector, wanted):
        return self.wait_for(lambda: wanted in self.text(selector), f"{wanted!r} in {selector}")

    def assert_no_complaints(self):
        """Checks that, since the page was opened, the console has no message and nothing violated the content security policy."""
        assert self.driver.get_log("browser") == []
        assert self.run("return window.violations") == []

    def picture(self, path):
        """Returns the whole page as a PNG."""
        size = self.run("return [document.documentElement.clientWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1}
        shot = self.tell("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))


def fetch_axe():
    cache = pathlib.Path(os.environ.get("PILLION_PAGE_TOOLS") or HERE.parents[1] / "build" / "page-tools")
    try:
        place = npm.fetch(HERE, cache, "page", timeout=300)
    except Unavailable as reason:
        raise Unavailable(f"axe-core is not there: {reason}") from None
    return (place / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


def complaints(browser, axe):
    """The violations that axe-core finds in the page: [(impact, rule, elements)]."""
    browser.tell("Runtime.evaluate", expression=axe)
    found = browser.run_and_wait("const done = arguments[arguments.length - 1];"
                                 "axe.run(document).then((results) => done(JSON.stringify(results.violations)))")
    return [(one["impact"], one["id"], [node["html"][:200] for node in one["nodes"]]) for one in json.loads(found)]
