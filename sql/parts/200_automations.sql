-- What is automated: rules and their runs.

create table if not exists public.ai_automation_rules (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null default auth.uid() references auth.users (id) on delete cascade,
    page_id uuid not null,
    name text not null,
    enabled boolean not null default false,
    include_tags text[] not null default '{}',
    include_mode text not null default 'any',
    exclude_tags text[] not null default '{}',
    wait_minutes integer not null default 1200,
    max_follow_ups integer not null default 3,
    daily_limit integer not null default 200,
    active_days smallint[] not null default '{1,2,3,4,5,6,7}',
    active_from time not null default '09:00',
    active_until time not null default '20:00',
    time_zone text not null default 'UTC',
    run_24_7 boolean not null default false,
    prompt text not null default '',
    language text not null default '',
    model text not null default '',
    review_before_send boolean not null default false,
    stop_on_reply boolean not null default true,
    run_every_minutes integer not null default 60,
    next_run_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint ai_automation_rules_pkey primary key (id),
    constraint ai_automation_rules_owner_key unique (id, user_id),
    constraint ai_automation_rules_page_key unique (id, user_id, page_id),
    constraint ai_automation_rules_page_fkey foreign key (page_id, user_id)
    references public.facebook_pages (id, user_id) on delete cascade,
    constraint ai_automation_rules_name_fits check (length(name) between 1 and 120),
    constraint ai_automation_rules_include_mode_is_known check (include_mode in ('any', 'all')),
    constraint ai_automation_rules_tags_are_few check (cardinality(include_tags) <= 50 and cardinality(exclude_tags) <= 50),
    constraint ai_automation_rules_wait_is_possible check (wait_minutes between 0 and 43200),
    constraint ai_automation_rules_follow_ups_are_few check (max_follow_ups between 1 and 10),
    constraint ai_automation_rules_daily_limit_is_possible check (daily_limit between 0 and 100000),
    constraint ai_automation_rules_days_are_iso check (active_days <@ '{1,2,3,4,5,6,7}'::smallint[]),
    constraint ai_automation_rules_hours_are_a_span check (active_from <> active_until),
    constraint ai_automation_rules_time_zone_exists check (timezone(time_zone, timestamptz '2026-01-01 00:00:00+00') is not null),
    constraint ai_automation_rules_prompt_fits check (length(prompt) <= 8000),
    constraint ai_automation_rules_schedule_is_possible check (run_every_minutes between 1 and 10080)
);

-- Since version 2: version 1 took texts of any length here.
update public.ai_automation_rules
set language = left(language, 100), model = left(model, 100)
where length(language) > 100 or length(model) > 100;
alter table public.ai_automation_rules
drop constraint if exists ai_automation_rules_language_fits,
add constraint ai_automation_rules_language_fits check (length(language) <= 100),
drop constraint if exists ai_automation_rules_model_fits,
add constraint ai_automation_rules_model_fits check (length(model) <= 100);

create index if not exists ai_automation_rules_owner_idx on public.ai_automation_rules (user_id);
create index if not exists ai_automation_rules_page_idx on public.ai_automation_rules (page_id);
create index if not exists ai_automation_rules_due_idx on public.ai_automation_rules (next_run_at) where enabled;

comment on table public.ai_automation_rules is 'An automation: whom it writes to, when, how often and with which words.';
comment on column public.ai_automation_rules.id is 'Stands in the address of the automation''s monitor.';
comment on column public.ai_automation_rules.user_id is 'The owner.';
comment on column public.ai_automation_rules.page_id is 'The page it writes from; never another one.';
comment on column public.ai_automation_rules.name is 'What the owner calls it.';
comment on column public.ai_automation_rules.enabled is 'Off stops contacts in flight at their next step; set_rule_enabled switches it.';
comment on column public.ai_automation_rules.include_tags is 'A contact needs any (or all, by include_mode) of these; empty means every contact of the page.';
comment on column public.ai_automation_rules.include_mode is 'any or all, of include_tags.';
comment on column public.ai_automation_rules.exclude_tags is 'A contact with one of these is not written to.';
comment on column public.ai_automation_rules.wait_minutes is 'How long after the last message in either direction a follow-up may go out.';
comment on column public.ai_automation_rules.max_follow_ups is 'Messages a contact gets at most before the sequence is completed.';
comment on column public.ai_automation_rules.daily_limit is 'Most messages per local day of time_zone.';
comment on column public.ai_automation_rules.active_days is 'ISO weekdays, 1 is Monday; a span over midnight belongs to the day it starts.';
comment on column public.ai_automation_rules.active_from is 'Local time from which messages go out; after active_until means over midnight.';
comment on column public.ai_automation_rules.active_until is 'Local time before which messages go out.';
comment on column public.ai_automation_rules.time_zone is 'IANA name: the zone of daily_limit, and of the hours where a contact''s own is unknown.';
comment on column public.ai_automation_rules.run_24_7 is 'Days and hours are ignored.';
comment on column public.ai_automation_rules.prompt is 'What the AI is asked to write.';
comment on column public.ai_automation_rules.language is 'The language to write in; empty leaves it to the AI.';
comment on column public.ai_automation_rules.model is 'The AI model; empty means the worker''s default.';
comment on column public.ai_automation_rules.review_before_send is 'Each message waits at ready_to_send until a person approves or rejects it.';
comment on column public.ai_automation_rules.stop_on_reply is 'A reply ends the contact''s sequence.';
comment on column public.ai_automation_rules.run_every_minutes is 'How often the scheduler looks for due contacts, where run_at names no times.';
comment on column public.ai_automation_rules.next_run_at is 'When the scheduler looks for due contacts next; empty while the automation is off.';
comment on column public.ai_automation_rules.created_at is 'When it was made.';
comment on column public.ai_automation_rules.updated_at is 'When it last changed, other than by its schedule; skipped contacts are checked again after it.';
comment on index public.ai_automation_rules_owner_idx is 'Serves row level security: the automations of one person.';
comment on index public.ai_automation_rules_page_idx is 'Serves the deletion of a page, and the rate of a page over its automations.';
comment on index public.ai_automation_rules_due_idx is 'Serves enqueue_due_contacts: the automations whose time has come.';

create table if not exists public.ai_automation_runs (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    rule_id uuid not null,
    source text not null,
    requested_by uuid,
    requested_at timestamptz not null default now(),
    finished_at timestamptz,
    total integer not null default 0,
    sent integer not null default 0,
    skipped integer not null default 0,
    failed integer not null default 0,
    constraint ai_automation_runs_pkey primary key (id),
    constraint ai_automation_runs_owner_key unique (id, user_id),
    constraint ai_automation_runs_rule_fkey foreign key (rule_id, user_id)
    references public.ai_automation_rules (id, user_id) on delete cascade,
    constraint ai_automation_runs_source_is_known check (source in ('manual', 'schedule')),
    constraint ai_automation_runs_counts_add_up check (
        sent >= 0 and skipped >= 0 and failed >= 0 and sent + skipped + failed <= total
    )
);

create index if not exists ai_automation_runs_newest_idx on public.ai_automation_runs (rule_id, requested_at desc);
create index if not exists ai_automation_runs_owner_idx on public.ai_automation_runs (user_id);

comment on table public.ai_automation_runs is
'One trigger of an automation. total = sent + skipped + failed + still in flight, at every moment.';
comment on column public.ai_automation_runs.id is 'request_run returns it.';
comment on column public.ai_automation_runs.user_id is 'The owner of the automation.';
comment on column public.ai_automation_runs.rule_id is 'The automation.';
comment on column public.ai_automation_runs.source is 'manual: a person pressed the button; schedule: its time had come.';
comment on column public.ai_automation_runs.requested_by is 'The person; empty for the schedule.';
comment on column public.ai_automation_runs.requested_at is 'When its contacts were queued.';
comment on column public.ai_automation_runs.finished_at is 'When the last contact of the run left the flight; empty while any is in it.';
comment on column public.ai_automation_runs.total is 'Contacts queued, less those deleted while in flight.';
comment on column public.ai_automation_runs.sent is 'Those whose message Facebook accepted.';
comment on column public.ai_automation_runs.skipped is 'Those that were not written to, with a reason.';
comment on column public.ai_automation_runs.failed is 'Those that need a person.';
comment on index public.ai_automation_runs_newest_idx is 'Serves the monitor: the last run of one automation.';
comment on index public.ai_automation_runs_owner_idx is 'Serves row level security and the deletion of a person.';
