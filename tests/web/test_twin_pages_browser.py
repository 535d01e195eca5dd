"""Beside the landscape, in a real browser: food web and fans, the panel, the spider, an exhibit left alone, a species that is met; axe with the scene open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from test_app_browser import AXE
from test_twin_browser import NO_WEBGL, RUNS, SMALL, software  # noqa: F401 - a fixture among them
from tiny_site import Site, served
from visits import PATIENCE_MS, Visit

from merian.twin.validate import validate
from merian.web.app import Options

VIEW = {"viewport": {"width": 1000, "height": 640}}
FORESEEN = "() => document.querySelectorAll('.fan').length && !document.querySelector('.beside.busy')"
EIGHT = "() => (window.merianSpider?.drawn.frames ?? 0) > 1"


@pytest.fixture(scope="module")
def address(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    panel = tmp_path_factory.mktemp("panel") / "panel"
    validate(panel, only=["food-webs", "mass"])
    with served(site.store, site.identifier, options=Options(live=SMALL, panel=panel)) as where:
        yield where


@pytest.fixture
def plain(software: Any) -> Iterator[Callable[..., Any]]:  # noqa: F811
    """Opens pages without WebGL: what is tested with it needs none, and software rendering takes all of the machine."""
    contexts = []

    def opened(path: str, **options: Any) -> Any:
        context = software.new_context(**VIEW | options)
        contexts.append(context)
        context.add_init_script(NO_WEBGL)
        return Visit(context, path).page

    yield opened
    for context in contexts:  # the twin lets few look at once
        context.close()


def clean(page: Any) -> list[Any]:
    if not AXE.is_file():
        pytest.skip("axe-core is not here: npm ci in frontend/ (the build hook does it where it builds the pages)")
    page.add_script_tag(path=str(AXE))
    return list(
        page.evaluate(
            "() => axe.run().then((r) => r.violations.map((v) => [v.id, v.nodes.map((n) => n.html.slice(0, 160))]))"
        )
    )


def test_the_food_web_and_the_fans_follow_the_sliders(plain: Callable[..., Any], address: str) -> None:
    page = plain(f"{address}twin")
    page.wait_for_function(FORESEEN)
    assert page.locator(".foodweb .node").count() == page.locator(".residents tbody tr").count()
    assert page.locator(".fan .scenario").count() == 0
    kinds = page.evaluate(
        "() => [...new Set([...document.querySelectorAll('.foodweb path.link')].map((e) => e.classList[1]))]"
    )
    assert set(kinds) <= {"observed", "inferred", "assumed"}
    page.locator("#what-habitat").fill("0.4")
    page.wait_for_selector(".fan .scenario .mid")
    page.wait_for_selector(".node.falls")
    assert "of 64 runs" in page.locator(".follows li p").first.inner_text()
    page.locator(".residents [data-species='Panthera leo'] .key").click()
    assert page.locator(".fan").first.get_attribute("data-species") == "Panthera leo"
    assert page.locator(".link.faint").count() > 0
    page.click(".rests summary")
    page.wait_for_selector(".evidence tbody tr.observed")
    assert "lion" in page.locator(".evidence tbody").inner_text()
    page.click("#twin-baseline")
    page.wait_for_selector(".fan .scenario", state="detached")


def test_what_lies_beyond_the_measured_range_is_on_the_figures(plain: Callable[..., Any], address: str) -> None:
    page = plain(f"{address}twin")
    page.wait_for_function(FORESEEN)
    assert page.locator("text.beyond").count() == 0
    page.evaluate("() => { document.querySelector('#what-harvest').max = 9; }")
    page.locator("#what-harvest").fill("5")
    page.wait_for_function(
        "() => document.querySelector('.foodweb text.beyond') && [...document.querySelectorAll('.fan')].every((fan) => fan.querySelector('.beyond'))"
    )
    assert "measured" in page.locator(".beside .warning").inner_text()
    page.click("#twin-baseline")
    page.wait_for_selector("text.beyond", state="detached")


def test_the_panel_shows_misses_like_the_rest(plain: Callable[..., Any], address: str) -> None:
    page = plain(f"{address}twin")
    page.click("#to-panel")
    page.wait_for_selector("#panel .rows")
    shown = page.locator("#panel .rows tbody tr").count()
    told = page.evaluate("async () => (await (await fetch('/api/twin/panel')).json()).counts")
    assert shown == sum(told.values())
    assert told["not run"] > 0
    page.locator(".tally .not-run").click()
    assert page.locator("#panel .rows tbody tr").count() == told["not run"]
    assert clean(plain(f"{address}twin/panel", bypass_csp=True)) == []


def test_the_panel_is_in_german_where_german_is_chosen(plain: Callable[..., Any], address: str) -> None:
    """All but sources, which stand as they were published."""
    page = plain(f"{address}twin/panel", locale="de")
    page.wait_for_function("() => document.querySelector('#panel h2')?.innerText.includes('Theorie der Nahrungsnetze')")
    assert page.locator("#panel h2 [lang=en]").count() == 0
    left = "() => [...document.querySelectorAll('#panel tbody th > [lang=en]')].map((e) => e.textContent)"
    assert page.evaluate(left) == []
    first = page.locator("#panel tbody tr", has_text="Paradoxon der Anreicherung").inner_text()
    assert "Zyklen beginnen bei" in first


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("Panthera%20leo", "Lion lives here."),
        ("plains%20zebra", "Plains zebra lives here."),
        ("Alces%20alces", "isle-royale: merian serve --twin isle-royale"),
        ("Raphus%20cucullatus", "No world that comes with Merian has it"),
    ],
)
def test_a_species_is_met_or_said_to_live_elsewhere(
    plain: Callable[..., Any], address: str, wanted: str, says: str
) -> None:
    page = plain(f"{address}twin?species={wanted}")
    page.wait_for_function("(says) => document.querySelector('.met')?.innerText.includes(says)", arg=says)
    chosen = page.locator(".residents .key[aria-pressed=true]").count()
    assert chosen == (1 if "lives here" in says else 0)


@pytest.mark.parametrize("language", ["en", "de"])
def test_an_exhibit_that_is_left_alone_begins_anew(plain: Callable[..., Any], address: str, language: str) -> None:
    page = plain(f"{address}twin?kiosk=4", locale=language)
    page.wait_for_function(FORESEEN)
    assert not page.locator(".masthead").is_visible()
    page.locator("#what-drought").fill("0.3")
    page.wait_for_selector(".slider.turned")
    page.locator("#glass").dispatch_event("pointerdown")
    page.wait_for_selector(".slider.turned", state="detached")
    page.wait_for_selector("#twin-baseline:disabled")
    assert float(page.locator("#what-drought").input_value()) == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_with_the_landscape_open(software: Any, address: str, scheme: str) -> None:  # noqa: F811
    context = software.new_context(
        color_scheme=scheme, reduced_motion="reduce", bypass_csp=True, viewport={"width": 520, "height": 420}
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{address}twin")
    page.wait_for_function(RUNS)
    page.wait_for_function(FORESEEN)
    page.locator("[data-species='Connochaetes taurinus'] .goto").click()
    page.click("#twin-eyes:enabled")
    page.wait_for_selector(".oath")
    assert clean(page) == []
    context.close()


def test_the_spider_sees_with_eight_eyes(software: Any, address: str) -> None:  # noqa: F811
    visit = Visit(software, f"{address}twin/spider", viewport={"width": 700, "height": 520}, bypass_csp=True)
    page = visit.page
    page.wait_for_function(EIGHT)
    assert page.locator(".eye").count() == 8
    page.click("#spider-pause")
    eyes = page.evaluate("() => window.merianSpider.eyes.map((eye) => [eye.ahead, eye.wide, eye.acuity, eye.colour])")
    assert sorted(round(ahead, 1) for ahead, *_ in eyes) == [-115, -75, -20, -2.5, 2.5, 20, 75, 115]
    assert [wide for _, wide, _, colour in eyes if colour] == [5, 5], "two narrow windows see colours"
    assert eyes[-1][2] == max(acuity for _, _, acuity, _ in eyes), "the sharpest are laid over the others"
    page.locator(".eight").focus()
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("() => window.merianSpider.scan.right") == 28, "the retinas scan no further than that"
    page.click("#spider-face")
    assert abs(page.evaluate("() => window.merianSpider.fly.right")) < 1e-6
    assert "nobody knows what it feels like" in page.locator(".oath").inner_text()
    assert "from a relative" in page.locator(".known").inner_text()
    assert clean(page) == []
    visit.leave(address, address.replace("http", "ws"))


@pytest.mark.parametrize("size", [(390, 800), (1280, 800), (2560, 1440)])
@pytest.mark.parametrize("path", ["twin", "twin/panel", "twin/spider"])
def test_no_page_is_wider_than_its_window(
    plain: Callable[..., Any], address: str, size: tuple[int, int], path: str
) -> None:
    page = plain(f"{address}{path}", viewport={"width": size[0], "height": size[1]})
    page.wait_for_selector(".foodweb, #panel .rows, .known")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= size[0]


def test_names_in_the_food_web_of_a_phone_do_not_overlap(plain: Callable[..., Any], address: str) -> None:
    page = plain(f"{address}twin", viewport={"width": 390, "height": 800}, locale="de-DE")
    page.wait_for_selector(".foodweb .node")
    overlaps = page.evaluate(
        """() => {
          const names = [...document.querySelectorAll(".foodweb .node text")].map((name) => [name.textContent, name.getBoundingClientRect()]);
          return names.flatMap(([one, a], k) => names.slice(k + 1).filter(([, b]) =>
            a.left < b.right && b.left < a.right && a.top < b.bottom - 5 && b.top < a.bottom - 5).map(([other]) => [one, other]));
        }"""
    )
    assert page.locator(".foodweb .node").count() > 8
    assert overlaps == []
    left = page.evaluate(
        "() => Math.min(...[...document.querySelectorAll('.foodweb .node text')].map((name) => name.getBoundingClientRect().left))"
    )
    assert left >= 0
