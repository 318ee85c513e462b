"""The page in a real browser: it sorts, filters, fits narrow and wide windows, prints, and asks for nothing outside."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from synthetic_results import ArmSpec, DataSetSpec, write

from bench import report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium")
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run")
QUIET += ("--host-resolver-rules=MAP * ~NOTFOUND",)
OWN = ("google.com", "googleapis.com", "gstatic.com")
ARMS = {
    "base": ArmSpec(scores=[0.70, 0.75, 0.65, 0.72, 0.68]),
    "new <i>x</i>": ArmSpec(scores=[0.76, 0.80, 0.71, 0.77, 0.74]),
    "worse": ArmSpec(scores=[0.60, 0.61, 0.62, 0.60, 0.61]),
    "absent": ArmSpec(missing=range(5)),
    "chance": ArmSpec(scores=[0.5] * 5, family="floor"),
}
DRIVER = """<script>
addEventListener("load", () => {
  const seen = {};
  const table = document.querySelector("#table-scans-scores table");
  const arms = () => [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => row.cells[0].textContent);
  const head = [...table.tHead.rows[0].cells].find((cell) => cell.textContent.includes("AUC"));
  seen.first = arms();
  for (const step of ["up", "down", "back"]) {
    head.querySelector("button").click();
    seen[step] = { arms: arms(), sort: head.getAttribute("aria-sort") };
  }
  const field = table.closest(".table").querySelector("input");
  field.value = "NEW <i>";
  field.dispatchEvent(new Event("input"));
  seen.filtered = { arms: arms(), count: table.closest(".table").querySelector("output").textContent };
  seen.italic = document.querySelectorAll("i").length;
  seen.wide = document.documentElement.scrollWidth;
  seen.window = document.documentElement.clientWidth;
  parent.postMessage(JSON.stringify(seen), "*");
});
</script></body>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    root = tmp_path_factory.mktemp("browser")
    write(root, ARMS, [DataSetSpec("scans")], floors=["chance"])
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("BENCH_DATA", str(root / "data"))
        return report.build("toy", root)


def browse(page, folder, *options):
    """What the browser prints. On a full machine a page of 3 MB takes axe more than a minute of its processor."""
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}", *QUIET]
    done = subprocess.run([*command, *options, page.as_uri()], capture_output=True, text=True, timeout=540, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


FRAME = """<body style="margin: 0"><script>
addEventListener("message", (event) => {
  const out = document.createElement("pre");
  out.id = "seen";
  out.textContent = event.data;
  document.body.append(out);
});
</script><iframe src="framed.html" width="WIDTH" height="900" style="border: 0"></iframe></body>"""


def seen_at(page, folder, width, script, change=lambda text: text):
    """What a script sees in the page, without its content policy, on a screen of this width.

    The screen is a frame: the window of a browser has at least 500 pixels.
    """
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", change(page.read_text()))
    (folder / "framed.html").write_text(text.replace("</body>", script))
    outer = folder / "outer.html"
    outer.write_text(FRAME.replace("WIDTH", str(width)))
    found = browse(outer, folder, "--window-size=1400,900", "--dump-dom", "--virtual-time-budget=5000")
    return json.loads(html.unescape(re.search(r'<pre id="seen">(.*?)</pre>', found, re.DOTALL)[1]))


@pytest.mark.parametrize("width", [380, 1400])
def test_tables_sort_and_filter_and_the_page_fits_its_window(page, tmp_path, width):
    values = seen_at(page, tmp_path, width, DRIVER)
    base, floor, new = "base [reference]", "chance [floor]", "new <i>x</i>"
    assert values["first"] == values["back"]["arms"] == [base, new, "worse", "absent", floor]
    assert values["up"] == {"arms": [floor, "worse", base, new, "absent"], "sort": "ascending"}
    assert values["down"] == {
        "arms": [new, base, "worse", floor, "absent"],
        "sort": "descending",
    }  # what is missing last
    assert values["back"]["sort"] is None
    assert values["filtered"] == {"arms": [new], "count": "1 of 5 rows"}
    assert values["italic"] == 0
    assert values["wide"] <= values["window"] <= width


def test_no_request_leaves_the_page_and_its_policy_breaks_nothing(page, tmp_path):
    log = tmp_path / "net.json"
    found = browse(page, tmp_path, f"--log-net-log={log}", "--enable-logging=stderr", "--dump-dom")
    assert 'aria-label="Filter the rows of this table"' in found  # the page's own script ran under its policy
    hosts = set(re.findall(r'"url":"(?:https?|wss?|ftp)://([^/"]+)', log.read_text()))
    assert {host for host in hosts if not host.endswith(OWN)} == set()
    assert not any(host in page.read_text() for host in OWN)  # what the browser asks of its own makers is not ours


def test_it_prints(page, tmp_path):
    printed = tmp_path / "page.pdf"
    browse(page, tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={printed}")
    assert printed.read_bytes().startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes())) >= 2


MEASURE = """<script>
addEventListener("load", () => {
  const seen = {};
  for (const [name, where] of Object.entries(PLACES)) {
    const part = document.querySelector(where);
    const box = part.getBoundingClientRect();
    seen[name] = [box.left, box.top, box.right, box.bottom, part.checkVisibility()];
  }
  parent.postMessage(JSON.stringify(seen), "*");
});
</script></body>"""
PLACES = {
    "question": "h1",
    "answer": "#answer",
    "table": "#table-scans-front-scores table",
    "figure": ".front figure .wide svg",
    "narrow": ".front figure .narrow svg",
    "folded": "#table-scans-scores table",
}


def measured(page, folder, width, change=lambda text: text):
    """Left, top, right and bottom of parts of the page in a window of this width, and whether they are visible."""
    return seen_at(page, folder, width, MEASURE.replace("PLACES", json.dumps(PLACES)), change)


def test_question_answer_table_and_figure_are_on_the_first_screen(page, tmp_path):
    seen = measured(page, tmp_path, 1400)
    tops = [seen[name][1] for name in ("question", "answer", "table")]
    assert tops == sorted(tops)
    assert max(seen[name][3] for name in ("question", "answer", "table", "figure")) <= 900
    assert seen["figure"][0] >= seen["table"][2]  # side by side
    assert seen["figure"][2] <= 1400


@pytest.mark.parametrize(("width", "shown"), [(380, "narrow"), (1400, "figure")])
def test_the_figure_of_scores_fits_its_screen_and_its_letters_can_be_read(page, tmp_path, width, shown):
    seen = measured(page, tmp_path, width)
    assert [name for name in ("narrow", "figure") if seen[name][4]] == [shown]
    left, _, right, _, _ = seen[shown]
    assert 0 <= left < right <= width
    drawn = re.search(rf'class="{"narrow" if shown == "narrow" else "scroll wide"}".*?viewBox="0 0 ([\d.]+)',
                      page.read_text(), re.DOTALL)[1]  # fmt: skip
    assert 7 * (right - left) / float(drawn) >= 9  # pixels of letters of 7 points


def test_what_is_folded_away_is_printed(page, tmp_path):
    shown = measured(page, tmp_path, 1400)["folded"]
    printed = measured(page, tmp_path, 1400, lambda text: text.replace("@media print {", "@media all {"))["folded"]
    assert (shown[4], printed[4]) == (False, True)


LONG = 600_000  # virtual milliseconds: they pass with the processor time of a script, and at once when it has ended
AXE = """<script>AXE_CORE</script><script>
addEventListener("load", () => {
  document.querySelectorAll("details").forEach((each) => { each.open = true; });
  axe.run(document, { resultTypes: ["violations"] }).then((found) => {
    const out = document.createElement("pre");
    out.id = "axe";
    const violations = found.violations.map(
      (each) => [each.id, each.impact, each.nodes.slice(0, 3).map((node) => node.html.slice(0, 200))]);
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    out.textContent = JSON.stringify({ scheme: dark ? "dark" : "light", violations });
    document.body.append(out);
  });
});
</script></body>"""


def axe_core():
    """The script of axe-core: of $AXE_CORE, or where npm puts what is installed for all; None if it is not there."""
    npm = shutil.which("npm")
    given = os.environ.get("AXE_CORE", "")
    if not given and npm:
        done = subprocess.run([npm, "root", "--global"], capture_output=True, text=True, timeout=60, check=False)
        given = f"{done.stdout.strip()}/axe-core/axe.min.js"
    path = Path(given or "axe.min.js")
    return path.read_text() if path.is_file() else None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_that_stops_a_reader(page, tmp_path, scheme):
    """Contrast, alternative texts, headers of tables, names and keyboard use of what scrolls."""
    script = axe_core()
    if script is None:
        pytest.skip("no axe-core: npm install --global axe-core, or $AXE_CORE with the path of axe.min.js")
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text())
    tried = tmp_path / "axe.html"
    tried.write_text(text.replace("</body>", AXE.replace("AXE_CORE", script.replace("</script", "<\\/script"))))
    dark = ("--blink-settings=preferredColorScheme=0",) if scheme == "dark" else ()
    found = browse(tried, tmp_path, "--window-size=1400,900", "--dump-dom", f"--virtual-time-budget={LONG}", *dark)
    ended = re.search(r'<pre id="axe">(.*?)</pre>', found, re.DOTALL)
    assert ended, "axe did not end"
    assert json.loads(html.unescape(ended[1])) == {"scheme": scheme, "violations": []}
