"""This file is where a person reviews, looks back, and acts on one contact or on many."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.pages.conftest import Visit
from tests.pages.watching import Automation, Watch, watch

__all__ = ["watch"]
POLL = "**/_dash-update-component*"


def test_a_message_is_read_changed_and_approved(demo: Visit, watch: Watch) -> None:
    here = watch(review_before_send=True)
    state = here.waiting("Jane Review")
    page = demo.open_monitor(here.path)
    card = page.locator(".contact").filter(has_text="Jane Review")
    expect(card).to_contain_text("Ready · to review")
    expect(page.locator(".stage[data-stage=ready_to_send]")).to_contain_text("1 to review")

    card.get_by_role("button", name="Edit Jane Review").click()
    expect(page.locator("#review-text")).to_have_value("Shall I keep a place?")
    page.fill("#review-text", "Shall I keep two places?")
    page.get_by_role("button", name="Approve and send").click()

    expect(page.locator("#toasts")).to_contain_text("Approved")
    expect(card).not_to_contain_text("to review")
    assert here.state(state)["approved_at"] is not None
    [sent] = here.people.rows(
        "select message as text from public.ai_automation_attempts where state_id = %s"
        " union all select generated_message from public.ai_automation_contact_states where id = %s"
        " limit 1",
        state["id"],
        state["id"],
    )
    assert sent["text"] == "Shall I keep two places?"


def stand_still(page: Page) -> None:
    """From now on the page hears nothing new."""
    page.route(
        POLL,
        lambda route: (
            route.fulfill(status=204)
            if '"live-answer.data"' in (route.request.post_data or "")
            else route.continue_()
        ),
    )


def test_a_card_approves_what_it_shows_whatever_is_stored_by_then(
    demo: Visit, watch: Watch
) -> None:
    here = watch(review_before_send=True)
    state = here.waiting("Jane Card")
    page = demo.open_monitor(here.path)
    approve = page.get_by_role("button", name="Approve Jane Card")
    expect(approve).to_be_visible()
    stand_still(page)

    here.change(state, "generated_message = 'Unread.'")
    approve.click()

    expect(page.locator("#toasts")).to_contain_text("Approved")
    assert here.state(state)["generated_message"] == "Shall I keep a place?"


@pytest.mark.parametrize("read", ["Shall I keep a place?", "Shall I keep a place? " * 20])
def test_a_sheet_approves_what_it_shows_whatever_is_stored_by_then(
    demo: Visit, watch: Watch, read: str
) -> None:
    here = watch(review_before_send=True)
    state = here.waiting("Jane Sheet")
    here.change(state, "generated_message = %s", read.strip())
    page = demo.open_monitor(here.path)
    page.get_by_role("button", name="Edit Jane Sheet").click()
    expect(page.locator("#review-text")).to_have_value(read.strip())

    here.change(state, "generated_message = 'Unread.'")
    page.get_by_role("button", name="Approve and send").click()

    expect(page.locator("#toasts")).to_contain_text("Approved")
    assert here.state(state)["generated_message"] == read.strip()


def test_all_messages_are_read_and_approved_with_one_press_and_it_can_be_stopped(
    demo: Visit, watch: Watch
) -> None:
    here = watch(review_before_send=True)
    states = [here.waiting(f"Jane {number}") for number in range(12)]
    page = demo.open_monitor(here.path)
    page.get_by_role("button", name="Approve all").click()
    sheet = page.get_by_role("dialog")
    expect(sheet.locator(".to-read li")).to_have_count(12)
    expect(sheet.locator(".to-read")).to_be_focused()
    expect(sheet).to_contain_text("Shall I keep a place?")
    here.change(states[0], "generated_message = 'Another', stage_entered_at = now()")

    sheet.get_by_role("button", name="Approve 12").click()
    page.click("#many-stop")

    bar = page.locator(".many-text")
    expect(bar).to_have_text(re.compile(r"^Stopped: .* approved.*, 2 left as they were$|approved"))
    page.locator(".many-bar").get_by_role("button", name="Close").click()
    approved = [here.state(state)["approved_at"] is not None for state in states]
    assert not approved[0], "nobody has read what it says now"
    assert sum(approved) in (9, 10, 11)


def test_a_message_is_rejected_with_a_reason(demo: Visit, watch: Watch) -> None:
    here = watch(review_before_send=True)
    state = here.waiting("Jane Rejected")
    page = demo.open_monitor(here.path)
    card = page.locator(".contact").filter(has_text="Jane Rejected")

    card.get_by_role("button", name="Reject Jane Rejected").click()
    expect(page.locator("#review-reason")).to_be_focused()
    page.fill("#review-reason", "Too pushy")
    expect(page.locator("dialog").get_by_role("button", name="Reject")).to_be_visible()
    expect(page.get_by_role("button", name="Approve and send")).to_have_count(0)
    page.keyboard.press("Enter")

    expect(page.locator("#toasts")).to_contain_text("Rejected")
    expect(card).to_have_attribute("data-stage", "skipped")
    row = here.state(state)
    assert (row["reason_code"], row["status_message"]) == ("rejected", "Too pushy")


def test_a_message_may_not_be_empty_or_too_long(demo: Visit, watch: Watch) -> None:
    here = watch(review_before_send=True)
    here.waiting("Jane Long")
    page = demo.open_monitor(here.path)
    page.get_by_role("button", name="Edit Jane Long").click()
    approve = page.get_by_role("button", name="Approve and send")
    expect(approve).to_be_enabled()

    for text in ("", "   ", "a" * 1991):
        page.fill("#review-text", text)
        expect(approve).to_be_disabled()

    page.fill("#review-text", "a" * 1990)
    expect(approve).to_be_enabled()


def test_the_timeline_tells_every_stage_and_gives_the_focus_back(demo: Visit, watch: Watch) -> None:
    here = watch()
    state = here.waiting("Tom Timeline")
    here.change(state, "current_stage = 'skipped', reason_code = 'cancelled'")
    page = demo.open_monitor(here.path)
    button = page.get_by_role("button", name="Timeline of Tom Timeline")

    button.click()

    drawer = page.get_by_role("dialog", name="Tom Timeline")
    expect(drawer.locator(".step")).to_have_count(2)
    expect(drawer.locator(".step").first).to_contain_text("Cancelled by a person")
    expect(drawer).to_contain_text("Tries to send")
    demo.picture("monitor-timeline")
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    expect(button).to_be_focused()


def test_a_group_of_failures_is_shown_and_retried_as_counted(demo: Visit, watch: Watch) -> None:
    here = watch()
    for number in range(3):
        here.failed(f"Amina {number}", "not_accepted", "Facebook did not accept it.")
    here.failed("Zoë", "outcome_unknown", "Nobody knows.")
    page = demo.open_monitor(here.path)
    strip = page.locator("#alerts")
    expect(strip).to_contain_text("4 failed, 2 causes")
    demo.picture("monitor-failures")

    strip.get_by_role("button", name="Show the failed contacts: Facebook did not").click()
    expect(page.locator("#showing")).to_contain_text("Showing 3 of 3")
    expect(page.locator("#contact-search")).to_have_value("cause:not_accepted")
    strip.get_by_role("button", name="Retry 3").click()
    page.locator("dialog").get_by_role("button", name="Queue 3 contacts").click()

    expect(page.locator(".many-text")).to_have_text("3 queued again")
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".many-bar")).to_have_count(0)
    expect(strip).to_contain_text("1 failed")


def with_many_failed(here: Automation) -> Automation:
    """451 failed contacts: five batches."""
    first = here.failed("Many 0")
    here.people.rows(
        "with c as (insert into public.contacts (user_id, page_id, sender_id, sender_name)"
        " select user_id, page_id, 'many' || n || %s, 'Many ' || n from public.ai_automation_rules,"
        " generate_series(1, 450) as n where id = %s returning id, user_id)"
        " insert into public.ai_automation_contact_states"
        " (user_id, rule_id, contact_id, current_stage, error_code, error_message)"
        " select c.user_id, %s, c.id, 'failed', 'not_accepted', 'No.' from c returning id",
        str(first["id"]),
        here.rule["id"],
        here.rule["id"],
    )
    return here


def left_failed(here: Automation) -> int:
    [left] = here.people.rows(
        "select count(*) as n from public.ai_automation_contact_states"
        " where rule_id = %s and current_stage = 'failed' and error_code = 'not_accepted'",
        here.rule["id"],
    )
    return int(left["n"])


def begin_many(demo: Visit, here: Automation) -> Page:
    """Confirms a retry of all, and waits until its first batch is through."""
    page = demo.open_monitor(here.path)
    page.click("#retry-all")
    expect(page.get_by_role("dialog")).to_contain_text("Queue 451 contacts again?")
    page.get_by_role("button", name="Queue 451 contacts").click()
    expect(page.locator(".many-text")).to_contain_text(re.compile(r"[1-4]00 of 451"))
    return page


def test_acting_on_many_can_be_stopped_and_says_what_is_left(demo: Visit, watch: Watch) -> None:
    here = with_many_failed(watch())
    page = begin_many(demo, here)

    page.click("#many-stop")

    bar = page.locator(".many-text")
    expect(bar).to_have_text(re.compile(r"^Stopped: \d00 queued again, \d51 left as they were$"))
    done = int(re.findall(r"\d+", bar.text_content() or "")[0])
    assert left_failed(here) >= 451 - done


def test_acting_on_many_goes_on_after_a_reload_of_its_window(demo: Visit, watch: Watch) -> None:
    here = with_many_failed(watch())
    page = begin_many(demo, here)

    page.reload()

    expect(page.locator(".many-text")).to_have_text("451 queued again")
    assert page.evaluate("() => sessionStorage.length") == 0


def test_what_was_left_halfway_is_offered_elsewhere_with_what_is_left(
    demo: Visit, watch: Watch
) -> None:
    here = with_many_failed(watch(enabled=False))
    page = begin_many(demo, here)
    page.goto("about:blank")
    left = left_failed(here)
    assert 0 < left < 451

    elsewhere = demo.context.new_page()
    elsewhere.goto(demo.stack.dashboard_url + here.path)

    bar = elsewhere.locator(".many-bar")
    expect(bar).to_contain_text(f"{451 - left} of 451 done, {left} left. It was left halfway.")
    bar.get_by_role("button", name="Leave the rest").click()
    expect(bar).to_contain_text(f"Stopped: {451 - left} queued again, {left} left as they were")
    assert left_failed(here) == left
    elsewhere.reload()
    expect(elsewhere.locator("#sum-line")).not_to_be_empty()
    expect(bar).to_have_count(0)


@pytest.mark.parametrize(
    ("code", "offered"),
    [("opted_out", []), ("outcome_unknown", ["Retry…"]), ("not_accepted", ["Retry"])],
)
def test_a_retry_is_offered_only_where_it_can_help(
    demo: Visit, watch: Watch, code: str, offered: list[str]
) -> None:
    here = watch()
    here.failed("Ana", code)
    page = demo.open_monitor(here.path)

    card = page.locator(".contact")
    expect(card).to_contain_text("0 of 1 follow-ups sent")
    assert card.locator("button:not([data-act=timeline])").all_text_contents() == offered


def test_sending_a_second_time_is_asked_before_it_is_done(demo: Visit, watch: Watch) -> None:
    here = watch()
    here.failed("Ana", "outcome_unknown")
    page = demo.open_monitor(here.path)

    page.get_by_role("button", name="Retry Ana").click()
    expect(page.get_by_role("dialog")).to_contain_text("Ana gets it twice")
    page.get_by_role("button", name="Leave as it is").click()
    page.get_by_role("button", name="Retry Ana").click()
    page.get_by_role("button", name="Queue again").click()

    expect(page.locator("#toasts")).to_contain_text("1 contact queued again")
