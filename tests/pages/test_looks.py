"""This file is where every page is looked at: small and large, light and dark, by keyboard."""

import pytest
from playwright.sync_api import Browser, expect

from tests.builders import World
from tests.pages.conftest import Visit, waiting_in
from tests.pages.keeper import keeping
from tests.pages.watching import Watch, watch
from tests.running import Stack

__all__ = ["watch"]
PAGES = ["/", "/automations/new", "/contacts", "/pages", "/nowhere", "monitor"]


def show(visit: Visit, path: str) -> None:
    visit.open(visit.monitor_of("Winback") if path == "monitor" else path)
    expect(visit.page.get_by_role("heading", level=1)).to_be_visible()
    if path == "/nowhere":
        visit.expect_complaint("404")


@pytest.mark.parametrize("path", PAGES)
def test_no_page_scrolls_sideways_on_a_small_phone(phone: Visit, path: str) -> None:
    show(phone, path)

    width = phone.page.evaluate("() => document.documentElement.scrollWidth")

    phone.picture(f"phone-dark-{path.strip('/').replace('/', '-') or 'automations'}")
    assert width == 320


@pytest.mark.parametrize(
    "name", ["Wolfeschlegelstein" * 16, "محمد العلي بن عبد الرحمن", "<b>Zoë</b> & Söhne"]
)
def test_a_name_of_any_length_and_script_is_whole_and_stays_inside(
    phone: Visit, people: World, name: str
) -> None:
    address = phone.monitor_of("Class places")
    waiting_in(people, "Class places", name)

    page = phone.open(address)

    card = page.locator(".contact").filter(has_text=name)
    expect(card.locator(".contact-name")).to_have_text(name)
    assert page.evaluate("() => document.documentElement.scrollWidth") == 320


def test_on_a_phone_a_long_list_comes_by_the_step_and_each_stage_says_its_word(
    phone: Visit, watch: Watch
) -> None:
    here = watch()
    for number in range(23):
        here.waiting(f"Ana {number}")
    page = phone.open_monitor(here.path)
    cards = page.locator(".contact")
    expect(cards).to_have_count(20)
    expect(page.locator("#showing")).to_contain_text("Showing 1–20 of 23")

    page.get_by_role("button", name="Show 3 more").click()

    expect(cards).to_have_count(23)
    expect(cards.nth(20)).to_be_focused()
    expect(page.locator("#show-more")).not_to_be_visible()
    words = page.locator(".stage-name span:last-child")
    cut_off = "nodes => nodes.filter(node => node.scrollWidth > node.clientWidth).length"
    assert (words.count(), page.locator(".stage-name").evaluate_all(cut_off)) == (10, 0)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_a_name_a_language_and_one_main_heading(demo: Visit, path: str) -> None:
    show(demo, path)

    page = demo.page
    assert page.locator("html").get_attribute("lang") == "en"
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    assert "Stagelight" in page.title()


def test_the_night_follows_the_machine_and_the_choice_is_remembered(
    browser: Browser, stack: Stack, people: World
) -> None:
    small = {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"}
    with keeping(browser, stack, people, **small) as keeper:
        page = keeper.visit.open("/")
        theme = page.locator("html")
        expect(theme).to_have_attribute("data-bs-theme", "dark")
        dark = background(keeper.visit)

        page.locator("details.account summary").click()
        page.click("#theme-light")

        expect(theme).to_have_attribute("data-bs-theme", "light")
        assert background(keeper.visit) != dark
        page.reload()
        expect(theme).to_have_attribute("data-bs-theme", "light")


def test_the_first_tab_stop_skips_to_the_content(demo: Visit) -> None:
    page = demo.open("/")
    expect(page.locator("[data-rule-id]").first).to_be_visible()

    page.keyboard.press("Tab")

    expect(page.locator("a.skip")).to_be_focused()
    expect(page.locator("a.skip")).to_be_in_viewport()


def test_no_chart_library_is_loaded_before_there_is_a_chart(demo: Visit) -> None:
    show(demo, "monitor")

    assert [address for address in demo.requested if "plotly" in address] == []


def background(visit: Visit) -> object:
    return visit.page.evaluate("() => getComputedStyle(document.body).backgroundColor")
