-- The history: `bench.events` changes of stage over thirty days, and a try to send per message. Run in `bench.parts`
-- connections at once, each of which takes the states of part `bench.part`.

insert into public.ai_automation_stage_events (
    user_id, rule_id, contact_id, state_id, run_id, from_stage, to_stage, occurred_at, seconds_in_stage, actor
)
select
    s.user_id, s.rule_id, s.contact_id, s.id, s.run_id,
    (array['queued', 'checking', 'eligible', 'generating', 'ready_to_send', 'sending'])[(e.n - 1) % 6 + 1]::public.automation_stage,
    (array['checking', 'eligible', 'generating', 'ready_to_send', 'sending', 'sent'])[(e.n - 1) % 6 + 1]::public.automation_stage,
    now() - interval '29 days' + (s.stage_entered_at - now() + interval '29 days') * e.n / current_setting('bench.events_each')::int,
    40, 'worker-0'
from public.ai_automation_contact_states as s
cross join generate_series(1, current_setting('bench.events_each')::int) as e (n)
where
    s.id % current_setting('bench.parts')::int = current_setting('bench.part')::int
    and s.rule_id <> md5('rule 101')::uuid;

insert into public.ai_automation_attempts (
    user_id, state_id, rule_id, contact_id, page_id, run_id, follow_up, outcome, message, worker, started_at, finished_at
)
select
    s.user_id, s.id, s.rule_id, s.contact_id, r.page_id, s.run_id, 1, 'sent', s.generated_message, 'worker-0',
    s.last_sent_at, s.last_sent_at
from public.ai_automation_contact_states as s
inner join public.ai_automation_rules as r on r.id = s.rule_id
where
    s.last_sent_at is not null and s.follow_up_count > 0
    and s.id % current_setting('bench.parts')::int = current_setting('bench.part')::int;

insert into public.ai_automation_follow_ups (state_id, follow_up, user_id, attempt_id, accepted)
select a.state_id, a.follow_up, a.user_id, a.id, true
from public.ai_automation_attempts as a
where a.state_id % current_setting('bench.parts')::int = current_setting('bench.part')::int;
