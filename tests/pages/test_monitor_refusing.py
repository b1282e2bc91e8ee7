"""This file is where an approval that is refused says so where it was pressed."""

import pytest
from playwright.sync_api import expect

from tests.pages.conftest import Visit
from tests.pages.watching import Watch, watch

__all__ = ["watch"]
POLL = "**/_dash-update-component*"
UNREADABLE = "Shall I keep \u202eolleh\u202c places?"


@pytest.mark.parametrize("size", [(320, 640), (1280, 800)], ids=["small", "wide"])
def test_a_text_that_cannot_be_sent_is_refused_in_the_sheet_and_nothing_typed_is_lost(
    demo: Visit, watch: Watch, size: tuple[int, int]
) -> None:
    here = watch(review_before_send=True)
    state = here.waiting("Jane Unfit")
    page = demo.open_monitor(here.path)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.get_by_role("button", name="Edit Jane Unfit").click()
    sheet = page.get_by_role("dialog")

    for text, words in (
        (UNREADABLE, "signs that turn the writing around"),
        ("\u200b\u2060", "Nothing of this message can be seen"),
    ):
        page.fill("#review-text", text)
        sheet.get_by_role("button", name="Approve and send").click()

        expect(sheet.get_by_role("alert")).to_contain_text(words)
        expect(page.locator("#review-text")).to_have_value(text)
        expect(page.locator("#review-text")).to_be_focused()
    assert here.state(state)["approved_at"] is None

    page.fill("#review-text", "Shall I keep two places?")
    sheet.get_by_role("button", name="Approve and send").click()
    expect(page.locator("#toasts")).to_contain_text("Approved")
    expect(sheet).to_have_count(0)


def test_an_approval_that_would_send_nothing_says_why_where_it_was_pressed(
    demo: Visit, watch: Watch
) -> None:
    here = watch(review_before_send=True, enabled=False)
    state = here.waiting("Jane Off")
    page = demo.open_monitor(here.path)

    page.get_by_role("button", name="Approve Jane Off").click()

    toasts = page.locator("#toasts")
    expect(toasts).to_contain_text("Not approved: The automation is switched off. ")
    expect(toasts).to_contain_text("Switch it on")
    page.get_by_role("button", name="Edit Jane Off").click()
    page.get_by_role("button", name="Approve and send").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("Not approved")
    assert here.state(state)["approved_at"] is None


def test_a_sheet_whose_press_gets_no_answer_says_so_and_keeps_the_text(
    demo: Visit, watch: Watch
) -> None:
    here = watch(review_before_send=True)
    here.waiting("Jane Silent")
    page = demo.open_monitor(here.path)
    page.get_by_role("button", name="Edit Jane Silent").click()
    page.fill("#review-text", "Typed by hand")
    page.route(
        POLL,
        lambda route: (
            route.abort()
            if '"live-now.data"' in (route.request.post_data or "")
            else route.continue_()
        ),
    )

    page.get_by_role("button", name="Approve and send").click()

    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("does not answer")
    expect(page.locator("#review-text")).to_have_value("Typed by hand")
    expect(page.locator("#review-text")).to_be_editable()
    demo.complaints.clear()
