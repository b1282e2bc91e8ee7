-- Where every contact is, how it got there, and every try to send.

create table if not exists public.ai_automation_contact_states (
    id bigint generated always as identity,
    user_id uuid not null,
    rule_id uuid not null,
    contact_id uuid not null,
    run_id uuid,
    current_stage public.automation_stage not null default 'queued',
    stage_entered_at timestamptz not null default now(),
    queued_at timestamptz not null default now(),
    due_at timestamptz not null default now(),
    next_send_at timestamptz,
    next_check_at timestamptz,
    status_message text not null default '',
    reason_code text,
    error_code text,
    error_message text,
    error_hint text,
    generated_message text,
    generation_time_ms integer,
    ai_model text,
    tokens_in integer,
    tokens_out integer,
    follow_up_count integer not null default 0,
    max_follow_ups integer not null default 1,
    attempt integer not null default 0,
    times_lost integer not null default 0,
    last_sent_at timestamptz,
    stopped_at timestamptz,
    approved_at timestamptz,
    quota_day date,
    lease_owner text,
    lease_token uuid,
    lease_expires_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint ai_automation_contact_states_pkey primary key (id),
    constraint ai_automation_contact_states_owner_key unique (id, user_id),
    constraint ai_automation_contact_states_once unique (rule_id, contact_id),
    constraint ai_automation_contact_states_rule_fkey foreign key (rule_id, user_id)
    references public.ai_automation_rules (id, user_id) on delete cascade,
    constraint ai_automation_contact_states_contact_fkey foreign key (contact_id, user_id)
    references public.contacts (id, user_id) on delete cascade,
    constraint ai_automation_contact_states_run_fkey foreign key (run_id, user_id)
    references public.ai_automation_runs (id, user_id) on delete cascade,
    constraint contact_states_finished_is_not_leased check (
        current_stage in ('checking', 'generating', 'sending') or lease_token is null
    ),
    constraint contact_states_ready_has_message check (
        current_stage not in ('ready_to_send', 'sending') or generated_message is not null
    )
)
with (fillfactor = 70);

create index if not exists idx_automation_states_rule on public.ai_automation_contact_states (rule_id, current_stage);
create index if not exists idx_automation_states_updated on public.ai_automation_contact_states (updated_at desc);
create index if not exists ai_automation_contact_states_claim_idx on public.ai_automation_contact_states (current_stage, due_at, id)
where current_stage in ('queued', 'eligible', 'ready_to_send');
create index if not exists ai_automation_contact_states_lease_idx on public.ai_automation_contact_states (lease_expires_at)
where lease_expires_at is not null;
create index if not exists ai_automation_contact_states_recheck_idx on public.ai_automation_contact_states (rule_id, next_check_at)
where next_check_at is not null;
create index if not exists ai_automation_contact_states_contact_idx on public.ai_automation_contact_states (contact_id);
create index if not exists ai_automation_contact_states_run_idx on public.ai_automation_contact_states (run_id);
create index if not exists ai_automation_contact_states_owner_idx on public.ai_automation_contact_states (user_id);

comment on table public.ai_automation_contact_states is 'Where one contact of one automation is now.';
comment on column public.ai_automation_contact_states.due_at is 'From when a worker may take the contact up in a waiting stage.';
comment on column public.ai_automation_contact_states.next_send_at is 'When the written message goes out.';
comment on column public.ai_automation_contact_states.next_check_at is 'When a sent or skipped contact is looked at again by itself.';
comment on column public.ai_automation_contact_states.reason_code is 'Why the contact was skipped or completed.';
comment on column public.ai_automation_contact_states.follow_up_count is 'Messages of this sequence that Facebook accepted; a failed try does not count.';
comment on column public.ai_automation_contact_states.attempt is 'Tries of the present follow-up that had to be repeated.';
comment on column public.ai_automation_contact_states.times_lost is 'How often a worker vanished while holding the contact.';
comment on column public.ai_automation_contact_states.quota_day is 'The rule''s local day on which this contact holds a place in the daily limit.';
comment on column public.ai_automation_contact_states.lease_token is 'Fencing token: only its holder may move the contact.';
comment on index public.ai_automation_contact_states_claim_idx is 'Serves claim_contacts: the oldest due contacts of one waiting stage.';
comment on index public.ai_automation_contact_states_lease_idx is 'Serves reclaim_expired_leases and the settling of sends.';

create table if not exists public.ai_automation_stage_events (
    id bigint generated always as identity,
    user_id uuid not null,
    rule_id uuid not null,
    contact_id uuid not null,
    state_id bigint not null,
    run_id uuid,
    from_stage public.automation_stage,
    to_stage public.automation_stage not null,
    occurred_at timestamptz not null default now(),
    seconds_in_stage double precision,
    actor text not null,
    reason_code text,
    constraint ai_automation_stage_events_pkey primary key (id),
    constraint ai_automation_stage_events_state_fkey foreign key (state_id, user_id)
    references public.ai_automation_contact_states (id, user_id) on delete cascade
);

create index if not exists ai_automation_stage_events_timeline_idx on public.ai_automation_stage_events (state_id, id);
create index if not exists ai_automation_stage_events_owner_idx on public.ai_automation_stage_events (user_id);

comment on table public.ai_automation_stage_events is 'One change of stage; written by trigger only, never changed.';
comment on column public.ai_automation_stage_events.actor is 'The worker, or the id of the signed-in person, or system.';
comment on column public.ai_automation_stage_events.seconds_in_stage is 'How long the contact had been in from_stage.';

create table if not exists public.ai_automation_attempts (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    state_id bigint not null,
    rule_id uuid not null,
    contact_id uuid not null,
    page_id uuid not null,
    run_id uuid,
    follow_up integer not null,
    outcome text not null default 'sending',
    message text,
    ai_model text,
    tokens_in integer,
    tokens_out integer,
    generation_time_ms integer,
    facebook_message_id text,
    error_code text,
    error_message text,
    worker text not null,
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    constraint ai_automation_attempts_pkey primary key (id),
    constraint ai_automation_attempts_state_fkey foreign key (state_id, user_id)
    references public.ai_automation_contact_states (id, user_id) on delete cascade,
    constraint ai_automation_attempts_outcome_is_known check (
        outcome in ('sending', 'sent', 'failed', 'retry', 'unknown', 'abandoned')
    )
);

create unique index if not exists ai_automation_attempts_never_twice_idx
on public.ai_automation_attempts (state_id, follow_up)
where outcome in ('sending', 'sent', 'unknown');
create index if not exists ai_automation_attempts_state_idx on public.ai_automation_attempts (state_id);
create index if not exists ai_automation_attempts_page_rate_idx on public.ai_automation_attempts (page_id, started_at desc);
create index if not exists ai_automation_attempts_owner_idx on public.ai_automation_attempts (user_id);

comment on table public.ai_automation_attempts is
'One try to send, written before Facebook is called; its id travels with the message as metadata.';
comment on column public.ai_automation_attempts.outcome is
'unknown: the message may have arrived, so it is never sent again by itself; abandoned: a person decided to send again.';
comment on index public.ai_automation_attempts_never_twice_idx is
'At most one try per follow-up that was, or may have been, accepted.';
