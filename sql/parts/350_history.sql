-- How every contact got where it is, and every try to send: two tables of daily partitions (UTC), made ahead and dropped
-- by maintain, and the ledger that outlives them. None has a foreign key (docs/decisions/0024): their rows are copied from
-- the contact's state as it is written, and go with it by trigger (52).

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
    constraint ai_automation_stage_events_pkey primary key (state_id, id, occurred_at)
)
partition by range (occurred_at);

comment on table public.ai_automation_stage_events is
'One change of stage; written by trigger only, never changed, dropped by the day.';
comment on column public.ai_automation_stage_events.actor is 'The worker, or the id of the signed-in person, or system.';
comment on column public.ai_automation_stage_events.id is 'In the order of writing down.';
comment on column public.ai_automation_stage_events.user_id is 'The owner of the automation.';
comment on column public.ai_automation_stage_events.rule_id is 'The automation.';
comment on column public.ai_automation_stage_events.contact_id is 'The contact.';
comment on column public.ai_automation_stage_events.state_id is 'Whose stage changed.';
comment on column public.ai_automation_stage_events.run_id is 'The run it was in.';
comment on column public.ai_automation_stage_events.from_stage is 'Empty for the first event of a contact.';
comment on column public.ai_automation_stage_events.to_stage is 'Where it came to.';
comment on column public.ai_automation_stage_events.occurred_at is 'When; the day decides the partition.';
comment on column public.ai_automation_stage_events.reason_code is 'Why it was skipped or completed.';
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
    constraint ai_automation_attempts_pkey primary key (id, started_at),
    constraint ai_automation_attempts_outcome_is_known check (
        outcome in ('sending', 'sent', 'failed', 'retry', 'unknown', 'abandoned')
    )
)
partition by range (started_at);

create index if not exists ai_automation_attempts_state_idx on public.ai_automation_attempts (state_id);
create index if not exists ai_automation_attempts_page_rate_idx on public.ai_automation_attempts (page_id, started_at desc);
create index if not exists ai_automation_attempts_owner_idx on public.ai_automation_attempts (user_id, started_at desc);
create index if not exists ai_automation_attempts_texts_idx on public.ai_automation_attempts (started_at) where message is not null;

comment on table public.ai_automation_attempts is
'One try to send, written before Facebook is called; its id travels with the message as metadata.';
comment on column public.ai_automation_attempts.outcome is
'unknown: the message may have arrived, so it is never sent again by itself; abandoned: a person decided to send again.';
comment on index public.ai_automation_attempts_page_rate_idx is 'Serves the sending rate of a page: its tries of the last minute.';
comment on index public.ai_automation_attempts_state_idx is 'Serves the timeline and the settling of one contact.';
comment on column public.ai_automation_attempts.id is 'Travels with the message as metadata, so that Facebook''s echo can be told apart.';
comment on column public.ai_automation_attempts.user_id is 'The owner of the automation.';
comment on column public.ai_automation_attempts.state_id is 'Who is written to, in which automation.';
comment on column public.ai_automation_attempts.rule_id is 'The automation.';
comment on column public.ai_automation_attempts.contact_id is 'The contact.';
comment on column public.ai_automation_attempts.page_id is 'The page it is sent from; its rate counts these.';
comment on column public.ai_automation_attempts.run_id is 'The run it belongs to.';
comment on column public.ai_automation_attempts.follow_up is 'Which message of the sequence, from 1.';
comment on column public.ai_automation_attempts.message is 'The words; removed by maintain.';
comment on column public.ai_automation_attempts.ai_model is 'The model that wrote them.';
comment on column public.ai_automation_attempts.tokens_in is 'Tokens of the prompt, all drafts together.';
comment on column public.ai_automation_attempts.tokens_out is 'Tokens of the answer, all drafts together.';
comment on column public.ai_automation_attempts.generation_time_ms is 'How long the AI took, in milliseconds.';
comment on column public.ai_automation_attempts.facebook_message_id is 'Facebook''s id once it is known.';
comment on column public.ai_automation_attempts.error_code is 'Why it failed, as in pipeline/steps/verdicts.py.';
comment on column public.ai_automation_attempts.error_message is 'The same in words, without secrets; removed by maintain.';
comment on column public.ai_automation_attempts.worker is 'Who tried.';
comment on column public.ai_automation_attempts.started_at is 'Before Facebook is called; the day decides the partition.';
comment on column public.ai_automation_attempts.finished_at is 'When the outcome was known; empty while it is not.';
comment on index public.ai_automation_attempts_owner_idx is 'Serves the history page: a person''s tries, newest first.';
comment on index public.ai_automation_attempts_texts_idx is 'Serves maintain: texts that are older than they may become.';

-- A unique index of a partitioned table cannot reach over days, so this table is the one that says never twice.
create table if not exists public.ai_automation_follow_ups (
    state_id bigint not null,
    follow_up integer not null,
    user_id uuid not null,
    attempt_id uuid not null,
    accepted boolean not null default false,
    constraint ai_automation_follow_ups_never_twice primary key (state_id, follow_up)
);

comment on table public.ai_automation_follow_ups is
'A follow-up that Facebook accepted or may have accepted: at most one try per contact and number, however long ago. Kept by trigger from ai_automation_attempts, and not forgotten when their days are dropped.';
comment on column public.ai_automation_follow_ups.attempt_id is 'The try that is, or may be, the message.';
comment on column public.ai_automation_follow_ups.state_id is 'Who was written to, in which automation.';
comment on column public.ai_automation_follow_ups.follow_up is 'Which message of the sequence, from 1.';
comment on column public.ai_automation_follow_ups.user_id is 'The owner of the automation.';
comment on column public.ai_automation_follow_ups.accepted is 'Facebook said that it took the message; false while it is under way, or nobody knows.';

-- By arrays, not by joins: a transition table has no statistics, and before its own first ones the ledger has none either,
-- so that a planner would compare every try of a batch with every row.
create or replace function public.keep_follow_ups()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_over bigint[];
    v_over_tries uuid[];
    v_sent bigint[];
    v_sent_tries uuid[];
begin
    if tg_op = 'UPDATE' then
        select
            array_agg(n.state_id) filter (where n.outcome in ('failed', 'retry', 'abandoned')),
            array_agg(n.id) filter (where n.outcome in ('failed', 'retry', 'abandoned')),
            array_agg(n.state_id) filter (where n.outcome = 'sent'),
            array_agg(n.id) filter (where n.outcome = 'sent')
        into v_over, v_over_tries, v_sent, v_sent_tries
        from new_attempts as n;
        delete from public.ai_automation_follow_ups as f
        where f.state_id = any(v_over) and f.attempt_id = any(v_over_tries);
        update public.ai_automation_follow_ups as f
        set accepted = true
        where f.state_id = any(v_sent) and f.attempt_id = any(v_sent_tries) and not f.accepted;
        -- Rare, and dear where it is not needed: a try that was over and is not.
        if exists (select from old_attempts as o where o.outcome in ('failed', 'retry', 'abandoned')) then
            insert into public.ai_automation_follow_ups (state_id, follow_up, user_id, attempt_id, accepted)
            select n.state_id, n.follow_up, n.user_id, n.id, n.outcome = 'sent'
            from new_attempts as n
            where
                n.outcome in ('sending', 'sent', 'unknown')
                and n.id in (select o.id from old_attempts as o where o.outcome in ('failed', 'retry', 'abandoned'))
            on conflict do nothing;
        end if;
    else
        insert into public.ai_automation_follow_ups (state_id, follow_up, user_id, attempt_id, accepted)
        select n.state_id, n.follow_up, n.user_id, n.id, n.outcome = 'sent'
        from new_attempts as n
        where n.outcome in ('sending', 'sent', 'unknown');
    end if;
    return null;
end;
$$;

comment on function public.keep_follow_ups() is
'Keeps ai_automation_follow_ups; a second try for a follow-up that is or may be out is refused here, whoever makes it.';

create or replace trigger keep_follow_ups_of_new
after insert on public.ai_automation_attempts
referencing new table as new_attempts
for each statement execute function public.keep_follow_ups();

create or replace trigger keep_follow_ups_of_changed
after update on public.ai_automation_attempts
referencing old table as old_attempts new table as new_attempts
for each statement execute function public.keep_follow_ups();

-- The one place with dynamic SQL: names and bounds are made of dates, never of what somebody sent.
create or replace function public.make_history_days(p_from date, p_until date)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_table text;
    v_day date;
    v_name text;
    v_made integer := 0;
begin
    for v_table, v_day in
        select t.name, d.day::date
        from unnest(array['ai_automation_stage_events', 'ai_automation_attempts']) as t (name)
        cross join generate_series(p_from::timestamp, p_until::timestamp, interval '1 day') as d (day)
    loop
        v_name := format('automation_history.%I', v_table || '_' || to_char(v_day, 'YYYYMMDD'));
        continue when to_regclass(v_name) is not null;
        begin
            execute format(
                'create table %s partition of public.%I for values from (%L) to (%L)',
                v_name, v_table, v_day || ' 00:00:00+00', (v_day + 1) || ' 00:00:00+00'
            );
            v_made := v_made + 1;
        exception
            -- Rows of that day came before the day was made; they stay in the default partition.
            when check_violation then null;
        end;
    end loop;
    return v_made;
end;
$$;

comment on function public.make_history_days(date, date) is
'Makes the daily partitions of events and attempts from one day to another, where they are missing; returns how many.';

create table if not exists automation_history.ai_automation_stage_events_default
partition of public.ai_automation_stage_events default;
create table if not exists automation_history.ai_automation_attempts_default
partition of public.ai_automation_attempts default;

do $$
begin
    perform public.make_history_days((now() at time zone 'UTC')::date - 1, (now() at time zone 'UTC')::date + 3);
end;
$$;
