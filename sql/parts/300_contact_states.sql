-- Where every contact is.

create table if not exists public.ai_automation_contact_states (
    id bigint generated always as identity,
    user_id uuid not null,
    rule_id uuid not null,
    page_id uuid not null,
    contact_id uuid not null,
    run_id uuid,
    current_stage public.automation_stage not null default 'queued',
    stage_rank smallint generated always as (
        case current_stage
            when 'failed' then 0 when 'sending' then 1 when 'ready_to_send' then 2 when 'generating' then 3
            when 'eligible' then 4 when 'checking' then 5 when 'queued' then 6 when 'sent' then 7
            when 'skipped' then 8 else 9
        end
    ) stored,
    stage_entered_at timestamptz not null default now(),
    slot timestamptz generated always as (
        case
            when current_stage <= 'sending' then timestamptz '9999-01-01 00:00:00+00'
            else date_bin('1 hour', stage_entered_at, timestamptz '2000-01-01 00:00:00+00')
        end
    ) stored,
    queued_at timestamptz not null default now(),
    due_at timestamptz not null default now(),
    next_send_at timestamptz,
    next_check_at timestamptz,
    status_message text not null default '',
    reason_code text,
    error_code text,
    error_message text,
    error_hint text,
    end_reason text generated always as (
        case
            when current_stage = 'failed' then coalesce(error_code, '')
            when current_stage in ('skipped', 'completed') then coalesce(reason_code, '')
            else ''
        end
    ) stored,
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
    attempt_id uuid,
    attempt_started_at timestamptz,
    lease_owner text,
    lease_token uuid,
    lease_expires_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    -- One index for both: every move writes every index anew. That ids do not repeat is the identity's doing.
    constraint ai_automation_contact_states_pkey primary key (id, user_id),
    constraint ai_automation_contact_states_once unique (contact_id, rule_id),
    constraint ai_automation_contact_states_rule_fkey foreign key (rule_id, user_id, page_id)
    references public.ai_automation_rules (id, user_id, page_id) on delete cascade,
    constraint ai_automation_contact_states_contact_fkey foreign key (contact_id, user_id, page_id)
    references public.contacts (id, user_id, page_id) on delete cascade,
    constraint contact_states_finished_is_not_leased check (
        current_stage in ('checking', 'generating', 'sending') or lease_token is null
    ),
    constraint contact_states_ready_has_message check (
        current_stage not in ('ready_to_send', 'sending') or generated_message is not null
    )
)
with (fillfactor = 70);

alter table public.ai_automation_contact_states add column if not exists sequence_began_at timestamptz;
alter table public.ai_automation_contact_states alter column sequence_began_at set default now();

create index if not exists idx_automation_states_rule
on public.ai_automation_contact_states (rule_id, stage_rank, stage_entered_at desc, id);
create index if not exists idx_automation_states_updated on public.ai_automation_contact_states (user_id, updated_at desc);
create index if not exists ai_automation_contact_states_claim_idx
on public.ai_automation_contact_states (current_stage, user_id, page_id, due_at, id)
where current_stage in ('queued', 'eligible', 'ready_to_send');
create index if not exists ai_automation_contact_states_lease_idx on public.ai_automation_contact_states (lease_expires_at)
where lease_expires_at is not null;
create index if not exists ai_automation_contact_states_recheck_idx
on public.ai_automation_contact_states (rule_id, end_reason, next_check_at)
where next_check_at is not null;
create index if not exists ai_automation_contact_states_going_out_idx on public.ai_automation_contact_states (rule_id, next_send_at)
where next_send_at is not null;
create index if not exists ai_automation_contact_states_texts_idx on public.ai_automation_contact_states (stage_entered_at)
where (generated_message is not null or error_message is not null) and current_stage >= 'sent';
create index if not exists ai_automation_contact_states_over_idx on public.ai_automation_contact_states (id)
where current_stage = 'skipped' and reason_code in ('replied', 'opted_out', 'stopped', 'max_follow_ups_reached');
create index if not exists ai_automation_contact_states_last_idx on public.ai_automation_contact_states (last_sent_at)
where current_stage = 'sent' and follow_up_count >= max_follow_ups;

comment on table public.ai_automation_contact_states is 'Where one contact of one automation is now.';
comment on column public.ai_automation_contact_states.due_at is 'From when a worker may take the contact up in a waiting stage.';
comment on column public.ai_automation_contact_states.next_send_at is 'When the written message goes out.';
comment on column public.ai_automation_contact_states.next_check_at is 'When a sent or skipped contact is looked at again by itself.';
comment on column public.ai_automation_contact_states.reason_code is 'Why the contact was skipped or completed.';
comment on column public.ai_automation_contact_states.sequence_began_at is
'When the first follow-up of the sequence was queued. What the contact says later is a reply, however late it is heard of.';
comment on column public.ai_automation_contact_states.follow_up_count is 'Messages of this sequence that Facebook accepted; a failed try does not count.';
comment on column public.ai_automation_contact_states.attempt is 'Tries of the present follow-up that had to be repeated.';
comment on column public.ai_automation_contact_states.times_lost is 'How many workers in a row stopped while the contact was in their hands, in the step that it is in.';
comment on column public.ai_automation_contact_states.quota_day is 'The rule''s local day on which this contact holds a place in the daily limit.';
comment on column public.ai_automation_contact_states.lease_token is 'Fencing token: only its holder may move the contact.';
comment on column public.ai_automation_contact_states.page_id is 'The page of the rule and of the contact; filled in when it is not given.';
comment on column public.ai_automation_contact_states.stage_rank is
'The place of the stage in the monitor''s list, failed first. A number, because row level security lets no index compare enums.';
comment on column public.ai_automation_contact_states.slot is
'The hour (UTC) in which a finished contact came to its stage, the year 9999 while it is in flight: shown on the monitor while not before monitor_since().';
comment on column public.ai_automation_contact_states.end_reason is
'Why the contact is failed (error_code), skipped or completed (reason_code); empty in the other stages.';
comment on column public.ai_automation_contact_states.attempt_id is 'The latest try to send; with attempt_started_at it finds the row in one day of ai_automation_attempts.';
comment on index public.idx_automation_states_rule is 'Serves the monitor: its list in order, and the oldest contact of a stage.';
comment on index public.ai_automation_contact_states_claim_idx is
'Serves claim_contacts: the oldest due contacts of one waiting stage, page by page.';
comment on index public.ai_automation_contact_states_recheck_idx is 'Serves the monitor: when contacts that are held back are looked at again.';
comment on index public.ai_automation_contact_states_going_out_idx is 'Serves the monitor: what goes out next.';
comment on index public.ai_automation_contact_states_over_idx is 'Serves complete_finished_sequences: contacts that want no more.';
comment on index public.ai_automation_contact_states_last_idx is 'Serves complete_finished_sequences: those who got every follow-up.';
comment on index public.ai_automation_contact_states_texts_idx is 'Serves maintain: texts of sequences that are over.';
comment on index public.ai_automation_contact_states_lease_idx is 'Serves reclaim_expired_leases and the settling of sends.';
comment on column public.ai_automation_contact_states.id is 'What the API calls state_id.';
comment on column public.ai_automation_contact_states.user_id is 'The owner of the automation.';
comment on column public.ai_automation_contact_states.rule_id is 'The automation.';
comment on column public.ai_automation_contact_states.contact_id is 'The contact; once per automation.';
comment on column public.ai_automation_contact_states.run_id is 'The run that queued it last; it counts there until it leaves the flight. No foreign key (docs/decisions/0024).';
comment on column public.ai_automation_contact_states.current_stage is 'Changed along ai_automation_stage_moves only, whoever tries.';
comment on column public.ai_automation_contact_states.stage_entered_at is 'When it came to its stage; set by trigger.';
comment on column public.ai_automation_contact_states.queued_at is
'When it was last queued; a reply after this moment stops a first follow-up.';
comment on column public.ai_automation_contact_states.status_message is
'What a reader is told beside the stage: words only, nothing parses them.';
comment on column public.ai_automation_contact_states.error_code is
'Why the last try failed, as in pipeline/steps/verdicts.py; empty once a try succeeds.';
comment on column public.ai_automation_contact_states.error_message is 'The same in words, without secrets; removed by maintain.';
comment on column public.ai_automation_contact_states.error_hint is 'What a person can do about it.';
comment on column public.ai_automation_contact_states.generated_message is
'What the AI wrote, or a person in its place; removed by maintain after the sequence has ended.';
comment on column public.ai_automation_contact_states.generation_time_ms is
'How long the AI took, in milliseconds, all its drafts together.';
comment on column public.ai_automation_contact_states.ai_model is 'The model that wrote the message.';
comment on column public.ai_automation_contact_states.tokens_in is 'Tokens of the prompt, all drafts together.';
comment on column public.ai_automation_contact_states.tokens_out is 'Tokens of the answer, all drafts together.';
comment on column public.ai_automation_contact_states.max_follow_ups is 'As the automation had it when the contact was last queued.';
comment on column public.ai_automation_contact_states.last_sent_at is 'When the latest accepted message was handed to Facebook.';
comment on column public.ai_automation_contact_states.stopped_at is 'When a person cancelled it; empty again after a retry.';
comment on column public.ai_automation_contact_states.approved_at is
'When a person let the message go out; it waits without, where the automation asks for review.';
comment on column public.ai_automation_contact_states.attempt_started_at is 'When that try began.';
comment on column public.ai_automation_contact_states.lease_owner is 'The worker that holds it.';
comment on column public.ai_automation_contact_states.lease_expires_at is
'Until when; later it may be taken back, or settled where a send may be under way.';
comment on column public.ai_automation_contact_states.created_at is 'When it first came into the automation.';
comment on column public.ai_automation_contact_states.updated_at is 'When anything here last changed; set by trigger.';
comment on index public.idx_automation_states_updated is 'Serves readers that ask what of theirs changed lately, and row level security.';
