"""What .ci/serve asks of the server and of its page in Chromium, by WebDriver; the standard library alone."""

import base64
import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time
import urllib.parse
import zlib

PROGRAMS, WORK, PICTURES, DATA = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), sys.argv[4]

# Strokes on a pad of 280 × 280, as people draw them.
STROKES = {
    0: [[(140, 50), (95, 75), (80, 140), (95, 205), (140, 230), (185, 205), (200, 140), (185, 75), (140, 50)]],
    1: [[(140, 45), (140, 235)]],
    2: [[(85, 95), (105, 60), (145, 50), (185, 70), (190, 110), (160, 155), (85, 230), (200, 230)]],
    3: [[(90, 65), (140, 50), (185, 75), (180, 115), (135, 135), (185, 160), (190, 205), (140, 232), (85, 212)]],
    4: [[(110, 50), (85, 150), (200, 150)], [(175, 60), (170, 235)]],
    7: [[(85, 60), (195, 60), (150, 140), (125, 235)]],
}


METHODS = {"ct": "noprop-ct", "backprop": "back", "digits": "noprop-dt"}


def until(found, what, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = found()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"after {seconds} s still not: {what}")


class Server:
    """The built program on a port of its own."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [f"{PROGRAMS}/nopropdt-serve", "--port", "0", *arguments], stdout=subprocess.PIPE, text=True
        )
        told = self.process.stdout.readline()
        self.port = int(re.fullmatch(r"nopropdt-serve: http://127\.0\.0\.1:(\d+)/\n", told)[1])

    def ask(self, path, body=None, headers={}):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        connection.request("GET" if body is None else "POST", path, body, headers)
        response = connection.getresponse()
        told = (response.status, json.loads(response.read()), response.headers)
        connection.close()
        return told

    def resident(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=15) == 0, self.process.returncode


class Browser:
    """One window of Chromium."""

    def __init__(self):
        log = WORK / "driver.log"
        found = until(lambda: re.search(r"successfully on port (\d+)", log.read_text()), "chromedriver listens")
        self.driver = int(found[1])
        options = {
            "args": ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,900", "--hide-scrollbars"]
        }
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self.session = ""
        self.session = "/" + self("POST", "", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def __call__(self, method, path, value=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.driver, timeout=120)
        body = None if value is None else json.dumps(value)
        connection.request(method, f"/session{self.session}{path}", body, {"Content-Type": "application/json"})
        told = json.loads(connection.getresponse().read())["value"]
        connection.close()
        if isinstance(told, dict) and "error" in told:
            raise AssertionError(f"{path}: {told['error']}: {told['message']}")
        return told

    def open(self, address):
        self("POST", "/url", {"url": address})

    def script(self, text, *arguments):
        return self("POST", "/execute/sync", {"script": text, "args": list(arguments)})

    def text(self, selector):
        return self.script("return document.querySelector(arguments[0])?.textContent ?? ''", selector)

    def find(self, selector):
        return next(iter(self("POST", "/element", {"using": "css selector", "value": selector}).values()))

    def click(self, selector):
        self("POST", f"/element/{self.find(selector)}/click", {})

    def type(self, selector, keys):
        self("POST", f"/element/{self.find(selector)}/value", {"text": keys})

    def choose(self, selector, value):
        self.script(
            "const box = document.querySelector(arguments[0]); box.value = arguments[1]; box.dispatchEvent(new Event('change', {bubbles: true}))",
            selector, value,
        )

    def devtools(self, command, **parameters):
        return self("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def draw(self, digit):
        """By the mouse: strokes of the pad, scaled to its size on the page."""
        self.click("#clear")
        self.script("document.querySelector('#pad').scrollIntoView({block: 'center'})")
        box = self.script("const b = document.querySelector('#pad').getBoundingClientRect(); return [b.left, b.top, b.width]")
        actions = []
        for stroke in STROKES[digit]:
            for index, (x, y) in enumerate(stroke):
                place = {"x": round(box[0] + x * box[2] / 280), "y": round(box[1] + y * box[2] / 280)}
                actions.append({"type": "pointerMove", "duration": 40, "origin": "viewport", **place})
                if index == 0:
                    actions.append({"type": "pointerDown", "button": 0})
            actions.append({"type": "pointerUp", "button": 0})
        pointer = {"type": "pointer", "id": "pen", "parameters": {"pointerType": "mouse"}, "actions": actions}
        self("POST", "/actions", {"actions": [pointer]})

    def answer(self):
        """What is answered, once nothing is asked any more."""
        is_busy = "return document.querySelector('#answer').getAttribute('aria-busy') === 'true'"
        until(lambda: not self.script(is_busy), "an answer, or none")
        return self.text("#answer .said")

    def complaints(self):
        return [entry["message"] for entry in self("POST", "/se/log", {"type": "browser"}) if entry["level"] in ("SEVERE", "WARNING")]

    def shoot(self, name):
        """The whole page: wide and narrow, light and dark. No part of it may be wider than the window."""
        for size, (width, mobile) in {"desktop": (1280, False), "phone": (390, True)}.items():
            for scheme in ("light", "dark"):
                self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
                self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=mobile)
                time.sleep(0.4)
                wide = self.script("return document.documentElement.scrollWidth")
                assert wide <= width, f"{name} at {width}: the page is {wide} wide"
                shot = self.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=True)
                (PICTURES / f"{name}-{size}-{scheme}.png").write_bytes(base64.b64decode(shot["data"]))
        self.devtools("Emulation.clearDeviceMetricsOverride")
        self.devtools("Emulation.setEmulatedMedia", features=[])


def png(width, height, grey):
    """A grey picture, light on dark."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(grey[y * width:(y + 1) * width]) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def sketch(digit, side, pen):
    """The strokes of a digit as a picture."""
    grey = [0] * (side * side)
    for stroke in STROKES[digit]:
        for (x0, y0), (x1, y1) in zip(stroke, stroke[1:] or stroke):
            for part in range(101):
                x, y = ((a + (b - a) * part / 100) * side / 280 for a, b in ((x0, x1), (y0, y1)))
                for down in range(int(y - pen), int(y + pen) + 1):
                    for across in range(int(x - pen), int(x + pen) + 1):
                        if (down - y) ** 2 + (across - x) ** 2 <= pen * pen and 0 <= down < side and 0 <= across < side:
                            grey[down * side + across] = 255
    return png(side, side, grey)


# Labels and roles of everything that can be used; the contrast of every text with what is behind it.
ACCESS = r"""
const wrong = [];
const shown = (e) => e.getClientRects().length > 0;
const named = (e) => (e.getAttribute('aria-label') ?? '').trim() || (e.labels && [...e.labels].some((l) => l.textContent.trim()))
  || (e.getAttribute('aria-labelledby') ?? '').split(' ').some((id) => document.getElementById(id)?.textContent.trim()) || (e.matches('a, button, summary') && e.textContent.trim());
for (const e of document.querySelectorAll('a, button, input, select, summary, canvas, svg, [tabindex], [role=img]'))
  if (shown(e) && !named(e)) wrong.push('no name: ' + e.outerHTML.slice(0, 80));
const numbers = (c) => { const n = c.match(/[\d.]+/g).map(Number); return n.length === 3 ? [...n, 1] : n; };
const over = ([r, g, b, a], under) => [r, g, b].map((v, i) => v * a + under[i] * (1 - a));
const behind = (e) => { const layers = []; for (let at = e; at; at = at.parentElement) layers.push(numbers(getComputedStyle(at).backgroundColor)); return layers.reverse().reduce((under, c) => over(c, under), [255, 255, 255]); };
const light = (c) => c.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
for (const e of document.querySelectorAll('body *')) {
  if (!shown(e) || ![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) || e.closest('svg') || e.disabled) continue;
  const style = getComputedStyle(e), back = behind(e), ink = over(numbers(style.color), back);
  const [one, other] = [light(ink), light(back)], contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  const isLarge = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
  if (contrast < (isLarge ? 3 : 4.5)) wrong.push(`contrast ${contrast.toFixed(2)}: ${e.tagName} ${e.className} "${e.textContent.trim().slice(0, 30)}" ${style.color} on ${back.map(Math.round)}`);
}
return wrong;
"""


def look_at_access(browser):
    for scheme in ("light", "dark"):
        browser.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        wrong = browser.script(ACCESS)
        assert not wrong, f"{scheme}:\n" + "\n".join(sorted(set(wrong)))
    browser.devtools("Emulation.setEmulatedMedia", features=[])


def ask_by_hand(browser, run, digits):
    browser.choose("#model", run)
    until(lambda: browser.text("#about").startswith(f"{run}: "), "the model is told of")
    right = []
    for digit in digits:
        browser.draw(digit)
        until(browser.answer, f"an answer to a drawn {digit}")
        right.append((digit, browser.answer(), browser.text("#answer .told")))
        print(f"{run}: drew {digit}, answered {right[-1][1]}: {right[-1][2]}")
    return [digit for digit, said, _ in right if str(digit) == said]


def ask_by_keys(browser):
    """A vertical line, drawn without a pointer."""
    browser.click("#clear")
    until(lambda: not browser.answer(), "nothing is asked")
    up, down, space, delete = "\ue013", "\ue015", " ", "\ue017"
    browser.type("#pad", up * 7 + space + down * 14 + space)
    until(browser.answer, "an answer to what keys drew")
    said = browser.answer()
    print(f"drew a line by keys, answered {said}")
    browser.type("#pad", delete)
    until(lambda: not browser.answer(), "Delete clears")
    return said


def drop(browser, picture, name):
    browser.script(
        """
        const bytes = Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0)), given = new DataTransfer();
        given.items.add(new File([bytes], arguments[1], {type: 'image/png'}));
        for (const kind of ['dragover', 'drop'])
            document.querySelector('#pad').dispatchEvent(new DragEvent(kind, {dataTransfer: given, bubbles: true, cancelable: true}));
        """,
        base64.b64encode(picture).decode(), name,
    )
    until(lambda: name in browser.text("#pad-state") and browser.answer(), "an answer to a dropped picture")
    return browser.answer()


def watch_a_run(browser):
    """A training begins in another process; its curve grows."""
    folder = WORK / "runs" / "growing"
    training = subprocess.Popen(
        [f"{PROGRAMS}/nopropdt-train", "--no-progress", "--steps", "4", "--epochs", "30", "--out", str(folder)], stdout=subprocess.DEVNULL
    )
    until(lambda: "growing" in browser.text("#run-rows"), "the new run is listed")
    browser.script("const box = document.querySelector('[aria-label=\"show growing\"]'); if (!box.checked) box.click()")
    points = "const l = document.querySelector('#accuracy polyline[data-run=growing]'); return l ? l.getAttribute('points').split(' ').length : 0"
    lengths = [until(lambda: browser.script(points), "its curve")]
    while training.poll() is None:
        now = browser.script(points)
        if now > lengths[-1]:
            lengths.append(now)
        time.sleep(0.1)
    assert training.returncode == 0
    # The last epochs may have come since the last look.
    until(lambda: browser.script(points) == 30, "all epochs in the curve")
    until(lambda: "ended" in browser.script("return document.querySelector('[aria-label=\"show growing\"]').closest('tr').textContent"), "the run has ended")
    assert len(lengths) >= 3, lengths
    print(f"the curve of a run grew while it trained: {lengths} epochs")


def bursts(server, picture):
    """1,000 requests at once, five times: each is answered or told to come back, and memory stays."""
    def one(_):
        status, told, headers = server.ask("/api/predict?run=digits", picture)
        return status, "error" in told, headers.get("Retry-After")

    resident = []
    with concurrent.futures.ThreadPoolExecutor(1000) as pool:
        for number in range(5):
            told = list(pool.map(one, range(1000)))
            answered = sum(status == 200 for status, _, _ in told)
            refused = sum(status == 503 and error and wait is not None for status, error, wait in told)
            assert answered + refused == 1000 and answered > 0, told
            resident.append(server.resident())
            print(f"burst {number + 1}: {answered} answered, {refused} told 503; {resident[-1]} kB resident")
    assert resident[4] <= 1.1 * resident[0], resident


def times(server, run, picture):
    """Milliseconds of an answer, median over many, of one draw and of what the page asks for."""
    for query, most in ("", 30), ("&draws=10&detail=true", 100):
        taken = []
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        for _ in range(60):
            begun = time.perf_counter()
            connection.request("POST", f"/api/predict?run={run}{query}", picture)
            assert connection.getresponse().read()
            taken.append(1000 * (time.perf_counter() - begun))
        median = statistics.median(taken)
        print(f"{run}{query or ', one draw'}: median {median:.1f} ms, slowest {max(taken):.1f} ms")
        assert median < most, f"{run}: {median} ms"


def wrong_answers(browser, run):
    browser.choose("#mistakes-run", run)
    browser.click("#find")
    said = until(lambda: (lambda text: text if "wrong (" in text or "No wrong" in text else "")(browser.text("#mistakes-state")), "wrong answers", 90)
    print(said)
    assert said.startswith(f"{run}: "), said
    assert browser.script("return document.querySelectorAll('#found .picture canvas').length") > 0


def main():
    named = ["--data-dir", DATA] if DATA else []
    server = Server("--runs", str(WORK / "runs"), *named)
    browser = None
    try:
        browser = Browser()
        look(server, browser)
        bursts(server, sketch(7, 64, 4))
        server.end()
    finally:
        # A browser outlives its driver.
        if browser is not None:
            browser("DELETE", "")
        server.process.kill()
    print("serve: drawn, dropped, watched, burst and ended")


def look(server, browser):
    browser.open(f"http://127.0.0.1:{server.port}/")
    until(lambda: browser.script("return document.querySelectorAll('#model option').length") >= 3, "models to ask")

    # Its sevens have a bar, and its fours are closed: other people's hands.
    right = ask_by_hand(browser, "digits", [0, 1, 2, 3])
    assert len(right) >= 3, right
    picture = sketch(7, 280, 12)
    if DATA:
        assert len(ask_by_hand(browser, "mnist", [0, 1, 2, 3, 4, 7])) >= 5
        assert ask_by_keys(browser) == "1"
        assert drop(browser, sketch(3, 280, 11), "three.png") == "3"
        times(server, "mnist", picture)
        wrong_answers(browser, "mnist")
        browser.script("document.querySelector('#play').click()")
        until(lambda: browser.text("#step-name") == "after block 3 of 3" and browser.text("#play") == "Play", "the steps were played")
        look_at_access(browser)
        browser.shoot("mnist")
    for run in ("ct", "backprop", "digits"):
        browser.choose("#model", run)
        until(lambda: METHODS[run] in browser.text("#about").lower(), f"{run} is told of")
        assert drop(browser, sketch(2, 64, 4), f"{run}.png")
        assert bool(browser.script("return document.querySelector('#latents').hidden")) == (run == "backprop")
    # The picture chosen by the file field.
    (WORK / "one.png").write_bytes(sketch(1, 64, 4))
    browser.type("#file", str(WORK / "one.png"))
    until(lambda: "one.png" in browser.text("#pad-state") and browser.answer(), "an answer to a chosen picture")
    watch_a_run(browser)
    wrong_answers(browser, "digits")
    look_at_access(browser)
    browser.shoot("digits")
    complaints = browser.complaints()
    assert not complaints, complaints


main()
