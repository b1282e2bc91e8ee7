-- Counts without counting: what comes in and goes is added to and taken from a few rows, in one statement per set.
-- What moves is counted by keep_books (52).

create or replace function public.monitor_since()
returns timestamptz
language sql
stable
set search_path = ''
as $$
    select date_bin('1 hour', now(), timestamptz '2000-01-01 00:00:00+00') - interval '24 hours';
$$;

comment on function public.monitor_since() is
'From when contacts that are sent, failed, skipped or completed are on the monitor: 24 hours ago, to the hour, so that counts and list share one border.';

-- A shard that no other transaction writes to now, until the end of this one: who holds it may take it again. With all taken,
-- rows are shared.
create or replace function public.own_shard()
returns smallint
language plpgsql
set search_path = ''
as $$
begin
    for v_try in 0..7 loop
        if pg_try_advisory_xact_lock(20261122, v_try) then
            return v_try;
        end if;
    end loop;
    return pg_backend_pid() % 8;
end;
$$;

comment on function public.own_shard() is
'The shard of ai_automation_stage_counts and _stage_minutes that this transaction writes to, so that workers do not wait for each other.';

create or replace function public.tally_arrivals()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
    v_since timestamptz := public.monitor_since();
    v_shard smallint := public.own_shard();
begin
    -- Minutes before counts, as keep_books writes them: two transactions that share a shard must not wait in a circle.
    insert into public.ai_automation_stage_minutes as m (user_id, rule_id, minute, stage, bucket, shard, entered)
    select n.user_id, n.rule_id, date_trunc('minute', now()), n.current_stage, 0, v_shard, count(*)
    from new_states as n
    group by n.user_id, n.rule_id, n.current_stage
    order by n.rule_id, n.current_stage
    on conflict (rule_id, minute, stage, bucket, shard) do update set entered = m.entered + excluded.entered;

    insert into public.ai_automation_stage_counts as k (
        user_id, rule_id, slot, stage, reason, shard, contacts, entered_ms
    )
    select n.user_id, n.rule_id, n.slot, n.current_stage, n.end_reason, v_shard, count(*), sum((date_part('epoch', n.stage_entered_at) * 1000)::bigint)
    from new_states as n
    where n.slot >= v_since
    group by n.user_id, n.rule_id, n.slot, n.current_stage, n.end_reason
    order by n.rule_id, n.slot, n.current_stage, n.end_reason
    on conflict (rule_id, slot, stage, reason, shard) do update
        set contacts = k.contacts + excluded.contacts, entered_ms = k.entered_ms + excluded.entered_ms;
    return null;
end;
$$;

comment on function public.tally_arrivals() is 'Keeps ai_automation_stage_counts and ai_automation_stage_minutes when contacts come into an automation.';

create or replace trigger tally_arrivals
after insert on public.ai_automation_contact_states
referencing new table as new_states
for each statement execute function public.tally_arrivals();

-- With the automation itself gone its counts are going too, and may not come back.
create or replace function public.tally_departures()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_since timestamptz := public.monitor_since();
    v_shard smallint := public.own_shard();
begin
    insert into public.ai_automation_stage_counts as k (
        user_id, rule_id, slot, stage, reason, shard, contacts, entered_ms
    )
    select o.user_id, o.rule_id, o.slot, o.current_stage, o.end_reason, v_shard, -count(*), -sum((date_part('epoch', o.stage_entered_at) * 1000)::bigint)
    from old_states as o
    inner join public.ai_automation_rules as r on r.id = o.rule_id
    where o.slot >= v_since
    group by o.user_id, o.rule_id, o.slot, o.current_stage, o.end_reason
    order by o.rule_id, o.slot, o.current_stage, o.end_reason
    on conflict (rule_id, slot, stage, reason, shard) do update
        set contacts = k.contacts + excluded.contacts, entered_ms = k.entered_ms + excluded.entered_ms;
    return null;
end;
$$;

comment on function public.tally_departures() is 'Keeps ai_automation_stage_counts when contacts are deleted.';

create or replace trigger tally_departures
after delete on public.ai_automation_contact_states
referencing old table as old_states
for each statement execute function public.tally_departures();

create or replace function public.forget_deleted_rules()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_ids uuid[] := array(select o.id from old_rules as o);
begin
    delete from public.ai_automation_stage_counts as k where k.rule_id = any(v_ids);
    delete from public.ai_automation_stage_minutes as m where m.rule_id = any(v_ids);
    delete from public.ai_automation_figures as f using old_rules as o where f.user_id = o.user_id and f.scope_id = o.id;
    delete from public.ai_automation_days as d using old_rules as o where d.user_id = o.user_id and d.rule_id = o.id;
    return null;
end;
$$;

comment on function public.forget_deleted_rules() is
'Removes the counts, minutes and figures of automations that are deleted; among the figures of their owner they stay.';

create or replace trigger forget_deleted_rules
after delete on public.ai_automation_rules
referencing old table as old_rules
for each statement execute function public.forget_deleted_rules();

create or replace function public.recount_stages()
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_rows integer;
begin
    lock table public.ai_automation_contact_states in share row exclusive mode;
    delete from public.ai_automation_stage_counts;
    insert into public.ai_automation_stage_counts (user_id, rule_id, slot, stage, reason, shard, contacts, entered_ms)
    select s.user_id, s.rule_id, s.slot, s.current_stage, s.end_reason, 0, count(*), sum((date_part('epoch', s.stage_entered_at) * 1000)::bigint)
    from public.ai_automation_contact_states as s
    where s.slot >= public.monitor_since()
    group by s.user_id, s.rule_id, s.slot, s.current_stage, s.end_reason;
    get diagnostics v_rows = row_count;
    return v_rows;
end;
$$;

comment on function public.recount_stages() is
'Counts every contact again, with the table locked for writers meanwhile; for a database that was changed with triggers off. Returns the rows written.';

do $$
begin
    if not exists (select from public.ai_automation_stage_counts) and exists (select from public.ai_automation_contact_states) then
        perform public.recount_stages();
    end if;
end;
$$;
