-- Counts, quotas, workers and who did what.

create table if not exists public.ai_automation_stage_minutes (
    user_id uuid not null,
    rule_id uuid not null,
    stage public.automation_stage not null,
    minute timestamptz not null,
    entered integer not null default 0,
    passed integer not null default 0,
    passed_seconds double precision not null default 0,
    constraint ai_automation_stage_minutes_pkey primary key (rule_id, stage, minute),
    constraint ai_automation_stage_minutes_rule_fkey foreign key (rule_id, user_id)
    references public.ai_automation_rules (id, user_id) on delete cascade
);

create index if not exists ai_automation_stage_minutes_owner_idx on public.ai_automation_stage_minutes (user_id);
create index if not exists ai_automation_stage_minutes_recent_idx on public.ai_automation_stage_minutes (rule_id, minute desc);
comment on index public.ai_automation_stage_minutes_recent_idx is
'Serves the monitor: the last hour, and today, of one automation, however long it has been running.';

comment on table public.ai_automation_stage_minutes is
'Per rule, stage and minute: how many came in, how many left, and how long those had stayed. Averages and rates read this.';

create table if not exists public.ai_automation_daily_usage (
    user_id uuid not null,
    rule_id uuid not null,
    day date not null,
    reserved integer not null default 0,
    constraint ai_automation_daily_usage_pkey primary key (rule_id, day),
    constraint ai_automation_daily_usage_rule_fkey foreign key (rule_id, user_id)
    references public.ai_automation_rules (id, user_id) on delete cascade,
    constraint ai_automation_daily_usage_is_not_negative check (reserved >= 0)
);

create index if not exists ai_automation_daily_usage_owner_idx on public.ai_automation_daily_usage (user_id);

comment on table public.ai_automation_daily_usage is
'Places of the daily limit taken on a rule''s local day; taken when a contact passes the check, given back when it fails or is skipped.';

create table if not exists public.ai_automation_workers (
    name text not null,
    version text not null default '',
    doing text not null default '',
    started_at timestamptz not null default now(),
    beat_at timestamptz not null default now(),
    stopped_at timestamptz,
    constraint ai_automation_workers_pkey primary key (name)
);

comment on table public.ai_automation_workers is 'A worker process and when it was last heard of.';

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
