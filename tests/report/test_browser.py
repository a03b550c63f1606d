"""The page in a headless Chromium: no console message, no request, no sideways scroll, controls that work, paper."""

import json
import shutil

import pytest

from edgeseq.cli.main import main
from tests.report import examples

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install 'edgeseq[dev]'")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine (Debian: apt-get install chromium)")
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
DOCUMENTS = {
    # More words than one screen of a phone holds: the budget must come before them.
    "search": examples.search(40, verdict=examples.search(1)["verdict"] * 5),
    "one": examples.search(1),
    "forecast": examples.forecast_search(),
    "comparison": examples.comparison(),
    "hostile": examples.hostile(),
}
# A loaded machine takes its time to start a browser and to draw.
PATIENCE_MS = 120_000


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Addresses of the pages of all documents."""
    found = {}
    for name, document in DOCUMENTS.items():
        folder = tmp_path_factory.mktemp(name)
        (folder / "results.json").write_text(json.dumps(document))
        main(["report", str(folder)])
        found[name] = (folder / "report.html").as_uri()
    return found


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=["--disable-gpu"], timeout=PATIENCE_MS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def visit(browser, pages):
    """Opens a page once and returns it with the list of what it complained about or asked for; it stays open."""
    opened = {}

    def look(name, viewport=WIDE, *, scripts=True):
        key = (name, viewport["width"], scripts)
        if key not in opened:
            opened[key] = (page, noise) = (browser.new_page(viewport=viewport, java_script_enabled=scripts), [])
            page.set_default_timeout(PATIENCE_MS)
            page.on("console", lambda message: noise.append(message.text))
            page.on("pageerror", lambda error: noise.append(str(error)))
            page.on("request", lambda request: request.url in (pages[name], "data:,") or noise.append(request.url))
            page.on("dialog", lambda dialog: noise.append(f"dialog: {dialog.message}") or dialog.dismiss())
            page.goto(pages[name])
            if scripts:
                page.wait_for_selector("html.drawn", state="attached")
        return opened[key]

    return look


def width(page):
    return page.evaluate("document.documentElement.scrollWidth")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_quiet_and_within_the_phone(visit, name):
    """On a phone: every chart is drawn, nothing is logged or requested, and the page is as wide as the screen."""
    page, noise = visit(name, PHONE)
    assert page.locator(".plot").count() == page.locator(".plot .main-svg:first-child").count() > 0
    assert width(page) == PHONE["width"]
    assert noise == []


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_first_screen(visit, viewport):
    """Recommendation, its score and the budget of flash, RAM and latency are seen without scrolling."""
    page, _ = visit("search", viewport)
    for words in (
        ".headline",
        ".score",
        ".words p",
        ".meter:nth-child(1) .track",
        ".meter:nth-child(2) .track",
        ".meter:nth-child(3) .track",
    ):
        box = page.locator(words).first.bounding_box()
        assert box["y"] + box["height"] <= viewport["height"], words


def test_axis_switch(visit):
    """The front's cost is chosen: the axis says so, and the budget's line is that of the cost."""
    page, noise = visit("search")
    page.select_option("select[data-chart=front]", label="flash")
    page.wait_for_function("document.querySelector('#chart-front .xtitle').textContent === 'flash, B'")
    assert "budget 24,576 B" in page.locator("#chart-front .legend").text_content()
    options = page.locator("select[data-chart=front] option").all_text_contents()
    assert options == ["flash", "RAM", "latency", "energy", "cycles"]
    page.select_option("select[data-chart=front]", label="latency")
    page.wait_for_function("document.querySelector('#chart-front .xtitle').textContent === 'latency, µs'")
    assert "budget 2,000 µs" in page.locator("#chart-front .legend").text_content()
    page.select_option("select[data-chart=front]", label="energy")
    page.wait_for_function("document.querySelector('#chart-front .xtitle').textContent === 'energy, µJ'")
    assert "budget" not in page.locator("#chart-front .legend").text_content()
    assert noise == []


def test_hover_names_a_point(visit):
    """A pointer over the recommended point shows its name, not that of another there, and how its figures were obtained."""
    page, _ = visit("search")
    page.select_option("select[data-chart=front]", label="flash")
    page.wait_for_function("document.querySelector('#chart-front .xtitle').textContent === 'flash, B'")
    page.locator("#chart-front").scroll_into_view_if_needed()
    # By the colour of its ring.
    point = page.locator("#chart-front .scatterlayer path[style*='47, 158, 95']").first
    box = point.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector("#chart-front .hoverlayer text")
    hover = page.locator("#chart-front .hoverlayer").text_content()
    assert "gru(16) int8 #0" in hover
    assert "flash: 3,744 B (exact)" in hover


def test_buttons_keep_to_the_page(visit):
    """The buttons over a chart zoom, pan and save; none sends it away, none covers the legend."""
    page, _ = visit("search")
    chart = page.locator("#chart-front")
    chart.scroll_into_view_if_needed()
    chart.hover()
    buttons = chart.locator(".modebar-btn")
    titles = {each.get_attribute("data-title") for each in buttons.all()}
    assert titles == {"Zoom in", "Zoom out", "Reset axes", "Zoom", "Pan", "Download plot as a PNG"}
    legend = chart.locator(".legend").bounding_box()
    for each in buttons.all():
        box = each.bounding_box()
        assert box["x"] >= legend["x"] + legend["width"] or box["y"] >= legend["y"] + legend["height"]


def test_filter_and_sort(visit):
    """The table of candidates narrows by text, cell, status and fit, and sorts by number both ways, blanks last."""
    page, noise = visit("search")
    rows = DOCUMENTS["search"]["candidates"]
    seen = "#all tbody tr:not([hidden])"
    assert page.locator(seen).count() == len(rows)
    page.select_option("#filters select[name=cell]", "lstm")
    wanted = [row for row in rows if row["cell"] == "lstm"]
    assert page.locator(seen).count() == len(wanted)
    assert page.locator("#count").text_content() == f"{len(wanted)} of {len(rows)}"
    page.check("#filters input[name=fits]")
    assert page.locator(seen).count() == sum(row["feasible"] for row in wanted)
    page.fill("#filters input[name=text]", "LSTM(20)")
    assert page.locator(seen).count() == sum(row["feasible"] and row["units"] == [20] for row in wanted)
    page.fill("#filters input[name=text]", "no such candidate")
    assert page.locator(seen).count() == 0
    page.fill("#filters input[name=text]", "")
    page.select_option("#filters select[name=cell]", "")
    page.uncheck("#filters input[name=fits]")
    head = page.locator("#all thead th").nth(1)
    column = "[...document.querySelectorAll('#all tbody tr')].map((row) => row.cells[1].dataset.sort ?? null)"
    scores = sorted(row["accuracy"] for row in rows if row["accuracy"] is not None)
    blanks = [None] * (len(rows) - len(scores))
    for order, expected in (("ascending", scores), ("descending", scores[::-1])):
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == order
        found = [None if text is None else float(text) for text in page.evaluate(column)]
        assert found == [*expected, *blanks]
    assert noise == []


def test_hostile_names_are_shown(visit):
    """Charts and tables show a hostile name letter by letter; no dialog opens, no image is asked for."""
    page, noise = visit("hostile")
    assert page.locator(".headline").text_content() == examples.HOSTILE
    assert "</script><img src=x" in page.locator("#chart-curves .legend").text_content()
    assert page.locator("img, .plot a").count() == 0
    assert noise == []


def test_without_scripts(visit):
    """Without JavaScript the verdict, every table and a note are there, and no control that would do nothing."""
    page, _ = visit("search", PHONE, scripts=False)
    assert page.locator(".headline").is_visible()
    assert page.get_by_text("Charts, sorting and filters need JavaScript").is_visible()
    assert page.locator("#all tbody tr").count() == len(DOCUMENTS["search"]["candidates"])
    assert not any(each.is_visible() for each in page.locator(".control, .filters, .plot").all())
    assert width(page) == PHONE["width"]


def test_dark(visit):
    """In the dark the paper is dark, and texts of page and charts keep a contrast of at least 4.5 to it."""
    page, noise = visit("search")
    page.emulate_media(color_scheme="dark")
    colours = page.evaluate(
        "['body', '.headline', '.soft', '#chart-front .xtitle', '#chart-front .xtick text', 'nav a'].map((each) => {"
        " const style = getComputedStyle(document.querySelector(each));"
        " return each === 'body' ? style.backgroundColor : each.startsWith('#') ? style.fill : style.color })"
    )
    page.emulate_media(color_scheme="light")
    paper, *inks = (luminance(colour) for colour in colours)
    assert paper < 0.05
    for ink, colour in zip(inks, colours[1:], strict=True):
        assert (ink + 0.05) / (paper + 0.05) >= 4.5, colour
    assert noise == []


def luminance(colour):
    """Relative luminance of WCAG 2 of 'rgb(r, g, b)'."""
    parts = [int(part) / 255 for part in colour[4:-1].split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_paper(visit):
    """Printing gives a PDF; charts fit the paper, controls are gone, folded matrices open; the screen comes back after."""
    page, noise = visit("search")
    page.evaluate(
        "window.addEventListener('beforeprint', () => { window.printed = {"
        " widths: [...document.querySelectorAll('.plot > .plot-container')].map((each) =>"
        "   each.querySelector('.main-svg').getAttribute('width')),"
        " folded: document.querySelectorAll('details:not([open])').length } })"
    )
    before = page.locator("details:not([open])").count()
    assert page.pdf(format="A4").startswith(b"%PDF-")
    printed = page.evaluate("window.printed")
    assert set(printed["widths"]) == {"680"}
    assert printed["folded"] == 0
    page.wait_for_function("document.querySelector('#chart-front .main-svg').getAttribute('width') !== '680'")
    assert page.locator("details:not([open])").count() == before > 0
    page.emulate_media(media="print")
    assert not any(each.is_visible() for each in page.locator("nav, .filters, .control, .modebar").all())
    page.emulate_media(media="screen")
    assert noise == []
