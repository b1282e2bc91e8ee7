-- Counts, quotas, workers and who did what. Counts and minutes are written by trigger at every move, so they have no
-- foreign keys (docs/decisions/0024); they go with their automation by trigger (51).

create table if not exists public.ai_automation_stage_counts (
    user_id uuid not null,
    rule_id uuid not null,
    slot timestamptz not null,
    stage public.automation_stage not null,
    reason text not null,
    shard smallint not null,
    contacts integer not null default 0,
    entered_ms bigint not null default 0,
    constraint ai_automation_stage_counts_pkey primary key (rule_id, slot, stage, reason, shard)
)
with (fillfactor = 50);

comment on table public.ai_automation_stage_counts is
'How many contacts are where, so that nobody counts them: kept by trigger, summed over shards by the views. Equal to a recount for every slot since monitor_since().';
comment on column public.ai_automation_stage_counts.slot is
'The hour (UTC) in which a finished contact came to its stage, so that it can leave the monitor after 24 hours; the year 9999 for contacts in flight.';
comment on column public.ai_automation_stage_counts.reason is 'Why the contacts are there, as in end_reason.';
comment on column public.ai_automation_stage_counts.shard is
'Transactions that write at the same time use different shards, so that they do not wait for each other; one shard alone may be negative.';
comment on column public.ai_automation_stage_counts.entered_ms is
'Sum of the moments they came (milliseconds since 1970): now minus the mean of these is how long they have been there on average.';

create table if not exists public.ai_automation_stage_minutes (
    user_id uuid not null,
    rule_id uuid not null,
    stage public.automation_stage not null,
    minute timestamptz not null,
    bucket smallint not null default 0,
    shard smallint not null default 0,
    entered integer not null default 0,
    passed integer not null default 0,
    passed_seconds double precision not null default 0,
    constraint ai_automation_stage_minutes_pkey primary key (rule_id, minute, stage, bucket, shard)
)
with (fillfactor = 70);

comment on table public.ai_automation_stage_minutes is
'Per rule, stage and minute: how many came in, how many left, and how long those had stayed. Averages, percentiles and rates read this. Kept for 7 days, then summed up in ai_automation_stage_periods.';
comment on column public.ai_automation_stage_minutes.bucket is
'How long those that left had stayed: bucket b is up to 0.01 s * 1.2^b, so that any sum of rows still gives percentiles within 10 %; those that came in are in bucket 0.';

create table if not exists public.ai_automation_stage_periods (
    user_id uuid not null,
    rule_id uuid not null,
    stage public.automation_stage not null,
    span text not null,
    starts_at timestamptz not null,
    bucket smallint not null,
    entered bigint not null default 0,
    passed bigint not null default 0,
    passed_seconds double precision not null default 0,
    constraint ai_automation_stage_periods_pkey primary key (rule_id, span, starts_at, stage, bucket),
    constraint ai_automation_stage_periods_rule_fkey foreign key (rule_id, user_id)
    references public.ai_automation_rules (id, user_id) on delete cascade,
    constraint ai_automation_stage_periods_span_is_known check (span in ('hour', 'day'))
);

comment on table public.ai_automation_stage_periods is
'Older minutes summed up: hours for 90 days, then days for good, so that totals never change when details go.';
comment on column public.ai_automation_stage_periods.starts_at is 'Start of the hour or day (UTC).';

create table if not exists public.ai_automation_daily_usage (
    user_id uuid not null,
    rule_id uuid not null,
    day date not null,
    reserved integer not null default 0,
    sent integer not null default 0,
    constraint ai_automation_daily_usage_pkey primary key (rule_id, day),
    constraint ai_automation_daily_usage_rule_fkey foreign key (rule_id, user_id)
    references public.ai_automation_rules (id, user_id) on delete cascade,
    constraint ai_automation_daily_usage_is_not_negative check (reserved >= 0 and sent >= 0)
);

comment on table public.ai_automation_daily_usage is
'Places of the daily limit taken on a rule''s local day; taken when a contact passes the check, given back when it fails or is skipped.';
comment on column public.ai_automation_daily_usage.sent is 'Messages that Facebook accepted on that day.';

create table if not exists public.ai_automation_workers (
    name text not null,
    version text not null default '',
    doing text not null default '',
    started_at timestamptz not null default now(),
    beat_at timestamptz not null default now(),
    stopped_at timestamptz,
    constraint ai_automation_workers_pkey primary key (name)
);

alter table public.ai_automation_workers add column if not exists turns jsonb not null default '{}';
drop policy if exists "nobody who signs in sees a worker" on public.ai_automation_workers;
create policy "nobody who signs in sees a worker" on public.ai_automation_workers
for select to authenticated using (false);

comment on table public.ai_automation_workers is 'A worker process and when it was last heard of.';
comment on column public.ai_automation_workers.turns is 'Each turn of its scheduler: how many seconds before beat_at it last ended, and how many after it it comes next.';

create table if not exists public.ai_automation_audit (
    id bigint generated always as identity,
    user_id uuid not null references auth.users (id) on delete cascade,
    rule_id uuid,
    action text not null,
    affected integer not null default 0,
    occurred_at timestamptz not null default now(),
    constraint ai_automation_audit_pkey primary key (id)
);

create index if not exists ai_automation_audit_owner_idx on public.ai_automation_audit (user_id, occurred_at desc);

comment on table public.ai_automation_audit is 'One action of a signed-in person: who, what, when, how many contacts.';
comment on column public.ai_automation_stage_counts.user_id is 'The owner of the automation.';
comment on column public.ai_automation_stage_counts.rule_id is 'The automation.';
comment on column public.ai_automation_stage_counts.stage is 'The stage they are in.';
comment on column public.ai_automation_stage_counts.contacts is 'How many, in this shard.';
comment on column public.ai_automation_stage_minutes.user_id is 'The owner of the automation.';
comment on column public.ai_automation_stage_minutes.rule_id is 'The automation.';
comment on column public.ai_automation_stage_minutes.stage is 'The stage they came to or left.';
comment on column public.ai_automation_stage_minutes.minute is 'The minute (UTC) in which they did.';
comment on column public.ai_automation_stage_minutes.shard is 'As in ai_automation_stage_counts.';
comment on column public.ai_automation_stage_minutes.entered is 'How many came.';
comment on column public.ai_automation_stage_minutes.passed is 'How many left.';
comment on column public.ai_automation_stage_minutes.passed_seconds is 'How long those that left had stayed, together.';
comment on column public.ai_automation_stage_periods.user_id is 'The owner of the automation.';
comment on column public.ai_automation_stage_periods.rule_id is 'The automation.';
comment on column public.ai_automation_stage_periods.stage is 'The stage they came to or left.';
comment on column public.ai_automation_stage_periods.span is 'hour or day.';
comment on column public.ai_automation_stage_periods.bucket is 'As in ai_automation_stage_minutes.';
comment on column public.ai_automation_stage_periods.entered is 'How many came.';
comment on column public.ai_automation_stage_periods.passed is 'How many left.';
comment on column public.ai_automation_stage_periods.passed_seconds is 'How long those that left had stayed, together.';
comment on column public.ai_automation_daily_usage.user_id is 'The owner of the automation.';
comment on column public.ai_automation_daily_usage.rule_id is 'The automation.';
comment on column public.ai_automation_daily_usage.day is 'A day of the automation''s time_zone.';
comment on column public.ai_automation_daily_usage.reserved is 'Places taken; never more than daily_limit was when they were taken.';
comment on column public.ai_automation_workers.name is 'Process and a random part; a restarted worker is another one.';
comment on column public.ai_automation_workers.version is 'What it runs.';
comment on column public.ai_automation_workers.doing is 'What it did at the last beat, in words.';
comment on column public.ai_automation_workers.started_at is 'When it was first heard of.';
comment on column public.ai_automation_workers.beat_at is 'When it was last heard of; alive means within 15 s.';
comment on column public.ai_automation_workers.stopped_at is 'When it said goodbye; empty for one that runs, or was killed.';
comment on column public.ai_automation_audit.id is 'In the order of doing.';
comment on column public.ai_automation_audit.user_id is 'Who did it.';
comment on column public.ai_automation_audit.rule_id is 'To which automation, where it was one.';
comment on column public.ai_automation_audit.action is 'What was done, such as request_run or switch_off.';
comment on column public.ai_automation_audit.affected is 'How many contacts it changed.';
comment on column public.ai_automation_audit.occurred_at is 'When.';
comment on index public.ai_automation_audit_owner_idx is 'Serves what one person did, newest first, and the deletion of a person.';
