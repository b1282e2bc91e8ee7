-- What happens at every change of stage, whoever makes it: the graph is checked, an event is written, the books are kept.

create or replace function public.is_in_flight(p_stage public.automation_stage)
returns boolean
language sql
immutable
set search_path = ''
as $$
    select p_stage <= 'sending'::public.automation_stage;
$$;

comment on function public.is_in_flight(public.automation_stage) is 'Whether a contact in this stage is still being worked on.';

create or replace function public.stamp_new_contact_state()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    if new.page_id is null then
        select r.page_id into new.page_id from public.ai_automation_rules as r where r.id = new.rule_id;
    end if;
    return new;
end;
$$;

create or replace trigger stamp_new_contact_state
before insert on public.ai_automation_contact_states
for each row execute function public.stamp_new_contact_state();

create or replace function public.stamp_contact_state()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.updated_at := now();
    if new.current_stage is distinct from old.current_stage then
        new.stage_entered_at := now();
        if new.current_stage not in ('checking', 'generating', 'sending') then
            new.lease_owner := null;
            new.lease_token := null;
            new.lease_expires_at := null;
        end if;
    end if;
    return new;
end;
$$;

create or replace trigger stamp_contact_state
before update on public.ai_automation_contact_states
for each row execute function public.stamp_contact_state();

-- The books below are kept by one statement per set of moves. Rows are written in key order, so that two workers never
-- wait for each other in a circle.
-- A transition table has no statistics: without the setting 500 rows are compared with 500, one by one.
create or replace function public.record_stage_moves()
returns trigger
language plpgsql
security definer
set search_path = ''
set enable_nestloop = off
as $$
declare
    v_illegal record;
    -- Once, not per row: it reads the token's claims.
    v_person text := auth.uid()::text;
begin
    if not exists (select from new_states) then
        return null;
    end if;
    select o.id, o.current_stage as from_stage, n.current_stage as to_stage
    into v_illegal
    from old_states as o
    inner join new_states as n on n.id = o.id and n.current_stage <> o.current_stage
    left join public.ai_automation_stage_moves as m on m.from_stage = o.current_stage and m.to_stage = n.current_stage
    where m.from_stage is null
    limit 1;
    if found then
        raise exception 'A contact cannot move from % to %.', v_illegal.from_stage, v_illegal.to_stage
        using errcode = 'check_violation', detail = format('contact state %s', v_illegal.id);
    end if;

    insert into public.ai_automation_stage_events (
        user_id, rule_id, contact_id, state_id, run_id, from_stage, to_stage, seconds_in_stage, actor, reason_code
    )
    select
        n.user_id, n.rule_id, n.contact_id, n.id, n.run_id, o.current_stage, n.current_stage,
        extract(epoch from n.stage_entered_at - o.stage_entered_at),
        coalesce(v_person, n.lease_owner, o.lease_owner, 'system'), n.reason_code
    from new_states as n
    inner join old_states as o on o.id = n.id
    where n.current_stage <> o.current_stage
    order by n.id;
    return null;
end;
$$;

create or replace trigger record_stage_moves
after update on public.ai_automation_contact_states
referencing old table as old_states new table as new_states
for each statement execute function public.record_stage_moves();

create or replace function public.record_first_stage()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into public.ai_automation_stage_events (user_id, rule_id, contact_id, state_id, run_id, to_stage, actor)
    select n.user_id, n.rule_id, n.contact_id, n.id, n.run_id, n.current_stage, coalesce(auth.uid()::text, 'system')
    from new_states as n
    order by n.id;
    return null;
end;
$$;

create or replace trigger record_first_stage
after insert on public.ai_automation_contact_states
referencing new table as new_states
for each statement execute function public.record_first_stage();

comment on function public.stamp_new_contact_state() is 'Fills in the page of a contact''s state.';
comment on function public.stamp_contact_state() is 'Sets the entry time of a stage and drops the lease of a contact that no worker holds any more.';
comment on function public.record_stage_moves() is 'Refuses moves outside the stage graph and writes one event per move.';
comment on function public.record_first_stage() is 'Writes the first event of a contact in an automation.';
