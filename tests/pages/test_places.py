"""This file is where the row of places is used: marked, by keyboard, on a small phone."""

from playwright.sync_api import expect

from pages._components.shell import PLACES
from tests.pages.conftest import Visit

# As many places as there will ever be, so that the row is wider than the phone.
MORE = """row => { for (const word of ["Elsewhere", "Farther", "Farthest", "Beyond"]) {
    const link = row.firstElementChild.cloneNode(true);
    link.textContent = word; link.id = ""; row.append(link); } }"""


def test_only_places_that_exist_are_offered_and_the_current_one_is_marked(phone: Visit) -> None:
    page = phone.open("/contacts")
    row = page.get_by_role("navigation", name="Places")
    current = row.locator("[aria-current=page]")

    expect(current).to_have_text("Contacts")
    offered = row.get_by_role("link").all_text_contents()
    assert offered == [word for _, word in PLACES if word in offered]
    for href, word in PLACES:
        there = page.request.get(phone.stack.dashboard_url + href).status == 200
        assert there == (word in offered), word
    row.get_by_role("link", name="Automations").click()
    expect(current).to_have_text("Automations")
    phone.open("/automations/new")
    expect(current).to_have_text("Automations")


def test_a_row_of_places_wider_than_the_phone_scrolls_and_the_page_does_not(phone: Visit) -> None:
    page = phone.open("/contacts")
    row = page.get_by_role("navigation", name="Places")
    expect(row.locator("[aria-current=page]")).to_be_in_viewport(ratio=1)
    row.evaluate(MORE)

    last = row.get_by_role("link").last
    expect(last).not_to_be_in_viewport(ratio=1)
    last.focus()

    expect(last).to_be_in_viewport(ratio=1)
    assert page.evaluate("() => document.documentElement.scrollWidth") == 320
