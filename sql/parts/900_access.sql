-- Who may see and do what. RLS on every table; every grant is explicit, because since 2026-10-30 a hosted project gives
-- none by itself, not even to service_role. There is no policy for service_role: it bypasses RLS, and a policy without
-- `to` would open the table to everybody.

do $$
declare
    v_table text;
begin
    foreach v_table in array array[
        'ai_automation_stage_moves', 'facebook_pages', 'facebook_page_secrets', 'facebook_page_syncs', 'contacts', 'contact_messages',
        'ai_automation_rules', 'ai_automation_runs', 'ai_automation_contact_states', 'ai_automation_stage_events',
        'ai_automation_attempts', 'ai_automation_follow_ups', 'ai_automation_stage_counts', 'ai_automation_stage_minutes',
        'ai_automation_stage_periods', 'ai_automation_daily_usage', 'ai_automation_workers', 'ai_automation_audit',
        'contact_tombstones', 'contact_tombstone_keys', 'facebook_events', 'facebook_receivers',
        'ai_automation_figures', 'ai_automation_days', 'ai_automation_open_tries', 'ai_automation_roll_up_marks',
        'opt_confirmations', 'contact_deletions'
    ] loop
        execute format('alter table public.%I enable row level security', v_table);
        execute format('revoke all on public.%I from public, anon, authenticated, service_role', v_table);
        execute format('grant select, insert, update, delete on public.%I to service_role', v_table);
    end loop;
end;
$$;

revoke all on sequence
public.contact_messages_id_seq, public.ai_automation_contact_states_id_seq, public.ai_automation_stage_events_id_seq,
public.ai_automation_audit_id_seq, public.facebook_events_id_seq
from public, anon, authenticated, service_role;
-- History without foreign keys is written by trigger only, not even by the secret key.
revoke insert, update, delete on public.ai_automation_stage_events, public.ai_automation_follow_ups from service_role;
revoke insert, update, delete on public.ai_automation_stage_moves from service_role;
revoke all on public.contact_tombstone_keys from service_role;
-- Figures come about in roll_up alone.
revoke insert, update, delete on
public.ai_automation_figures, public.ai_automation_days, public.ai_automation_open_tries, public.ai_automation_roll_up_marks
from service_role;
grant select on public.ai_automation_figures, public.ai_automation_days to authenticated;
revoke update, delete on public.ai_automation_audit from service_role;

grant select on public.ai_automation_stage_moves to authenticated;
grant select on public.contact_messages to authenticated;
grant select on public.ai_automation_runs to authenticated;
grant select on public.ai_automation_contact_states to authenticated;
grant select on public.ai_automation_stage_events to authenticated;
grant select on public.ai_automation_attempts to authenticated;
grant select on public.ai_automation_follow_ups to authenticated;
grant select on public.ai_automation_stage_counts to authenticated;
grant select on public.ai_automation_stage_minutes to authenticated;
grant select on public.ai_automation_stage_periods to authenticated;
grant select on public.ai_automation_daily_usage to authenticated;
grant select on public.ai_automation_audit to authenticated;
grant select on public.facebook_pages to authenticated;
grant select on public.facebook_page_syncs to authenticated;
-- Connecting goes through connect_page alone, which keeps a token that then has to prove itself.
grant update (name, sends_per_minute) on public.facebook_pages to authenticated;
-- Nobody deletes contacts or lifts an opt-out here: a deleted and re-imported contact would have forgotten its STOP.
grant select on public.contacts to authenticated;
grant select on public.opt_confirmations to authenticated;
grant update (sender_name, tags, time_zone) on public.contacts to authenticated;
-- Deleting goes through delete_rule alone: it has a way back, and lets no contact in flight hang.
grant select on public.ai_automation_rules to authenticated;
grant insert (
    page_id, name, include_tags, include_mode, exclude_tags, wait_minutes, max_follow_ups, daily_limit, active_days,
    active_from, active_until, time_zone, run_24_7, prompt, language, model, review_before_send, stop_on_reply, run_every_minutes, run_at
), update (
    name, include_tags, include_mode, exclude_tags, wait_minutes, max_follow_ups, daily_limit, active_days,
    active_from, active_until, time_zone, run_24_7, prompt, language, model, review_before_send, stop_on_reply, run_every_minutes, run_at
) on public.ai_automation_rules to authenticated;

revoke all on public.active_automation_contacts, public.automation_stage_summary, public.automation_live_stats,
public.automation_candidates, public.automation_history from public, anon, authenticated, service_role;
grant select on public.active_automation_contacts, public.automation_stage_summary, public.automation_live_stats,
public.automation_candidates, public.automation_history to authenticated, service_role;

drop policy if exists "everybody signed in may read the stage graph" on public.ai_automation_stage_moves;
create policy "everybody signed in may read the stage graph" on public.ai_automation_stage_moves
for select to authenticated using (true);

drop policy if exists "owners see their pages" on public.facebook_pages;
create policy "owners see their pages" on public.facebook_pages
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners connect pages" on public.facebook_pages;
drop policy if exists "owners change their pages" on public.facebook_pages;
create policy "owners change their pages" on public.facebook_pages
for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
drop policy if exists "owners disconnect their pages" on public.facebook_pages;
drop policy if exists "owners see how far their pages are read" on public.facebook_page_syncs;
create policy "owners see how far their pages are read" on public.facebook_page_syncs
for select to authenticated using (user_id = (select auth.uid()));

drop policy if exists "owners see their contacts" on public.contacts;
create policy "owners see their contacts" on public.contacts
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners change their contacts" on public.contacts;
create policy "owners change their contacts" on public.contacts
for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
drop policy if exists "owners delete their contacts" on public.contacts;

drop policy if exists "owners see their automations" on public.ai_automation_rules;
create policy "owners see their automations" on public.ai_automation_rules
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners add automations" on public.ai_automation_rules;
create policy "owners add automations" on public.ai_automation_rules
for insert to authenticated with check (user_id = (select auth.uid()));
drop policy if exists "owners change their automations" on public.ai_automation_rules;
create policy "owners change their automations" on public.ai_automation_rules
for update to authenticated using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
drop policy if exists "owners delete their automations" on public.ai_automation_rules;

drop policy if exists "owners see their messages" on public.contact_messages;
create policy "owners see their messages" on public.contact_messages
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners see their runs" on public.ai_automation_runs;
create policy "owners see their runs" on public.ai_automation_runs
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners see their contact states" on public.ai_automation_contact_states;
create policy "owners see their contact states" on public.ai_automation_contact_states
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners see their stage events" on public.ai_automation_stage_events;
create policy "owners see their stage events" on public.ai_automation_stage_events
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners see their attempts" on public.ai_automation_attempts;
create policy "owners see their attempts" on public.ai_automation_attempts
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners see their stage minutes" on public.ai_automation_stage_minutes;
create policy "owners see their stage minutes" on public.ai_automation_stage_minutes
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners see their follow-ups" on public.ai_automation_follow_ups;
create policy "owners see their follow-ups" on public.ai_automation_follow_ups
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners see their stage counts" on public.ai_automation_stage_counts;
create policy "owners see their stage counts" on public.ai_automation_stage_counts
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners see their stage periods" on public.ai_automation_stage_periods;
create policy "owners see their stage periods" on public.ai_automation_stage_periods
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners see their daily usage" on public.ai_automation_daily_usage;
create policy "owners see their daily usage" on public.ai_automation_daily_usage
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners see their figures" on public.ai_automation_figures;
create policy "owners see their figures" on public.ai_automation_figures
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "owners see the days of their automations" on public.ai_automation_days;
create policy "owners see the days of their automations" on public.ai_automation_days
for select to authenticated using (user_id = (select auth.uid()));
drop policy if exists "nobody who signs in sees an open try" on public.ai_automation_open_tries;
create policy "nobody who signs in sees an open try" on public.ai_automation_open_tries
for select to authenticated using (false);
drop policy if exists "nobody who signs in sees a mark" on public.ai_automation_roll_up_marks;
create policy "nobody who signs in sees a mark" on public.ai_automation_roll_up_marks
for select to authenticated using (false);
drop policy if exists "owners see what they did" on public.ai_automation_audit;
create policy "owners see what they did" on public.ai_automation_audit
for select to authenticated using (user_id = (select auth.uid()));

-- Functions: nobody, then by name.
revoke execute on function
public.schema_version(),
public.is_in_flight(public.automation_stage),
public.stamp_new_contact_state(), public.stamp_contact_state(), public.stamp_contact(), public.stamp_rule(),
public.record_stage_moves(), public.record_first_stage(), public.keep_follow_ups(),
public.keep_books(), public.tally_arrivals(), public.tally_departures(),
public.make_history_days(date, date), public.drop_history_days(date), public.remove_old_texts(integer, integer),
public.sum_up_minutes(integer), public.maintain(integer, integer, integer), public.recount_stages(),
public.own_shard(), public.monitor_since(), public.bucket_seconds(smallint),
public.judge_contacts(uuid[], uuid[], timestamptz, public.ai_automation_rules),
public.forget_deleted_contacts(), public.forget_deleted_rules(), public.end_sequences_on_reply(),
public.active_hours(smallint[], time, time, text, timestamptz),
public.is_active_now(smallint[], time, time, text, timestamptz), public.contacts_to_judge(uuid[], uuid[], uuid[]),
public.contact_eligibility(uuid, uuid[], timestamptz),
public.reason_text(text), public.moment_or_null(text), public.normalize_tags(text[]),
public.enqueue_contacts(uuid, text, uuid, boolean, text), public.has_due_again(uuid),
public.queue_contacts(public.ai_automation_rules, uuid, uuid[]), public.enqueue_due_again(public.ai_automation_rules), public.request_run(uuid), public.enqueue_due_contacts(integer),
public.recheck_before_send(bigint[]), public.lock_daily_usage(bigint[]), public.skip_ineligible(bigint[]),
public.pick_fairly(public.automation_stage, integer, jsonb), public.recheck_reviews(integer), public.pick_ready_to_send(integer, jsonb),
public.pick_contacts(public.automation_stage, integer, text, jsonb), public.claim_contacts(text, text, integer, integer, jsonb),
public.decide_contacts(jsonb), public.record_outcomes(jsonb), public.reclaim_expired_leases(),
public.beat(text, text, text, bigint[], integer, boolean, jsonb), public.complete_finished_sequences(integer),
public.set_rule_enabled(uuid, boolean), public.cancel_contacts(bigint[]), public.retry_contacts(bigint[]),
public.approve_message(bigint, text), public.reject_message(bigint, text), public.save_page_token(uuid, text),
public.import_contacts(uuid, jsonb), public.worker_health(),
public.monitor_contacts(uuid, text, text, integer, integer), public.monitor_snapshot(uuid, text, text, integer, integer),
public.monitor_reasons(uuid, public.automation_stage[]),
public.dry_run(uuid),
public.running_sums(integer[], bigint[]), public.add_sums(bigint[], bigint[]), public.add_figures(public.automation_figure[]),
public.roll_up_moves(timestamptz, timestamptz, integer), public.roll_up_tries(timestamptz, timestamptz, uuid, integer),
public.roll_up_replies(bigint[], timestamptz, timestamptz, bigint, bigint, timestamptz), public.roll_up(integer, timestamptz), public.keep_figures_small(integer),
public.figures_between(uuid[], text[], timestamptz[]), public.analytics_flow(uuid[], timestamptz[]),
public.analytics_paces(uuid[], timestamptz[]), public.analytics_by_automation(uuid[], timestamptz, timestamptz), public.analytics_until()
from public, anon, authenticated, service_role;

grant execute on function public.schema_version() to anon, authenticated, service_role;

grant execute on function
public.is_in_flight(public.automation_stage), public.reason_text(text), public.normalize_tags(text[]),
public.active_hours(smallint[], time, time, text, timestamptz), public.is_active_now(smallint[], time, time, text, timestamptz),
public.contacts_to_judge(uuid[], uuid[], uuid[]), public.contact_eligibility(uuid, uuid[], timestamptz),
public.judge_contacts(uuid[], uuid[], timestamptz, public.ai_automation_rules), public.monitor_since(), public.bucket_seconds(smallint)
to authenticated, service_role;

grant execute on function
public.request_run(uuid), public.set_rule_enabled(uuid, boolean), public.cancel_contacts(bigint[]),
public.retry_contacts(bigint[]), public.approve_message(bigint, text), public.reject_message(bigint, text),
public.save_page_token(uuid, text), public.import_contacts(uuid, jsonb), public.worker_health(),
public.monitor_contacts(uuid, text, text, integer, integer), public.monitor_snapshot(uuid, text, text, integer, integer),
public.monitor_reasons(uuid, public.automation_stage[]),
public.dry_run(uuid),
public.figures_between(uuid[], text[], timestamptz[]), public.analytics_flow(uuid[], timestamptz[]),
public.analytics_paces(uuid[], timestamptz[]), public.analytics_by_automation(uuid[], timestamptz, timestamptz), public.analytics_until()
to authenticated;

grant execute on function
public.enqueue_contacts(uuid, text, uuid, boolean, text), public.has_due_again(uuid),
public.queue_contacts(public.ai_automation_rules, uuid, uuid[]), public.enqueue_due_again(public.ai_automation_rules), public.enqueue_due_contacts(integer),
public.recheck_before_send(bigint[]), public.lock_daily_usage(bigint[]), public.skip_ineligible(bigint[]),
public.pick_fairly(public.automation_stage, integer, jsonb), public.recheck_reviews(integer), public.pick_ready_to_send(integer, jsonb),
public.pick_contacts(public.automation_stage, integer, text, jsonb), public.claim_contacts(text, text, integer, integer, jsonb),
public.decide_contacts(jsonb), public.record_outcomes(jsonb), public.reclaim_expired_leases(),
public.beat(text, text, text, bigint[], integer, boolean, jsonb), public.complete_finished_sequences(integer),
public.own_shard(), public.maintain(integer, integer, integer), public.recount_stages(), public.moment_or_null(text),
public.roll_up(integer, timestamptz)
to service_role;

notify pgrst, 'reload schema';
