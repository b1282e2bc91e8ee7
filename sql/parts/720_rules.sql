-- Automations as their owner keeps them: deleting with a way back, and what one would do before it does it.

alter table public.ai_automation_rules add column if not exists deleted_at timestamptz;
alter table public.ai_automation_rules add column if not exists enabled_when_deleted boolean;
alter table public.ai_automation_rules
drop constraint if exists ai_automation_rules_deleted_is_off,
add constraint ai_automation_rules_deleted_is_off check (deleted_at is null or not enabled);

create index if not exists ai_automation_rules_deleted_idx on public.ai_automation_rules (deleted_at) where deleted_at is not null;

comment on column public.ai_automation_rules.deleted_at is
'Deleted by its owner at this moment: seen by nobody, off, and removed for good a minute later unless restore_rule takes it back.';
comment on column public.ai_automation_rules.enabled_when_deleted is 'Whether it was on when it was deleted, so that taking it back is all that is needed.';
comment on index public.ai_automation_rules_deleted_idx is 'Serves remove_deleted_rules.';

-- Restrictive: whatever else lets an owner see an automation, a deleted one stays out of sight, and so out of every view.
drop policy if exists "nobody sees a deleted automation" on public.ai_automation_rules;
create policy "nobody sees a deleted automation" on public.ai_automation_rules
as restrictive for select to authenticated using (deleted_at is null);

create or replace function public.delete_rule(p_rule_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_rule public.ai_automation_rules;
begin
    update public.ai_automation_rules as r
    set deleted_at = now(), enabled_when_deleted = r.enabled, enabled = false
    where r.id = p_rule_id and r.user_id = (select auth.uid()) and r.deleted_at is null
    returning r.* into v_rule;
    if not found then
        raise exception 'This automation does not exist.' using errcode = 'PT404';
    end if;
    insert into public.ai_automation_audit (user_id, rule_id, action) values (v_rule.user_id, p_rule_id, 'delete_rule');
    return jsonb_build_object('name', v_rule.name, 'deleted_at', v_rule.deleted_at);
end;
$$;

comment on function public.delete_rule(uuid) is
'Deletes the caller''s automation: it is off and out of sight at once, and restore_rule takes it back for a minute. Then it goes for good, with its history.';

-- What the worker put aside meanwhile, because the automation was off, is queued again.
create or replace function public.restore_rule(p_rule_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_rule public.ai_automation_rules;
    v_queued integer := 0;
begin
    select r.* into v_rule
    from public.ai_automation_rules as r
    where r.id = p_rule_id and r.user_id = (select auth.uid()) and r.deleted_at > now() - interval '1 minute'
    for no key update;
    if not found then
        raise exception 'It is too late to undo: the automation is gone.' using errcode = 'PT404';
    end if;
    update public.ai_automation_rules as r
    set deleted_at = null, enabled = v_rule.enabled_when_deleted, enabled_when_deleted = null
    where r.id = p_rule_id;
    if v_rule.enabled_when_deleted then
        update public.ai_automation_contact_states as s
        set
            current_stage = 'queued', queued_at = now(), due_at = now(), status_message = 'In queue again',
            sequence_began_at = case when s.last_sent_at is null then now() else s.sequence_began_at end,
            reason_code = null, next_check_at = null, generated_message = null, approved_at = null, attempt = 0
        where
            s.rule_id = p_rule_id and s.current_stage = 'skipped' and s.reason_code = 'rule_disabled'
            and s.stage_entered_at >= v_rule.deleted_at;
        get diagnostics v_queued = row_count;
    end if;
    insert into public.ai_automation_audit (user_id, rule_id, action, affected)
    values (v_rule.user_id, p_rule_id, 'restore_rule', v_queued);
    return jsonb_build_object('name', v_rule.name, 'enabled', v_rule.enabled_when_deleted, 'queued', v_queued);
end;
$$;

comment on function public.restore_rule(uuid) is
'Takes a deletion back, on or off as the automation was; contacts that were put aside meanwhile are queued again.';

-- Contacts first and in portions, so that no call takes long however large the automation was.
create or replace function public.remove_deleted_rules(p_limit integer default 5000)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_ids bigint[];
begin
    select array_agg(going.id) into v_ids
    from (
        select s.id
        from public.ai_automation_rules as r
        inner join public.ai_automation_contact_states as s on s.rule_id = r.id
        -- Later than the last moment of an undo, so that nothing half removed is taken back.
        where
            r.deleted_at < now() - interval '2 minutes'
            and (s.current_stage = 'sending' and s.lease_token is not null and s.lease_expires_at > now()) is not true
        order by s.id
        limit p_limit
        for update of s skip locked
        -- Somebody may be taking it back at this moment.
        for no key update of r skip locked
    ) as going;
    delete from public.ai_automation_contact_states as s where s.id = any(v_ids);
    delete from public.ai_automation_rules as r
    where
        r.deleted_at < now() - interval '2 minutes'
        and not exists (select 1 from public.ai_automation_contact_states as s where s.rule_id = r.id);
    return coalesce(cardinality(v_ids), 0);
end;
$$;

comment on function public.remove_deleted_rules(integer) is
'Called by maintain: removes automations deleted more than two minutes ago, up to p_limit of their contacts'' states at a time; says how many went.';

create or replace function public.deletion_preview(p_rule_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_build_object(
        'name', r.name,
        'contacts', n.contacts,
        'in_flight', n.in_flight,
        'runs', u.runs,
        'sent', u.sent
    )
    from public.ai_automation_rules as r
    cross join lateral (
        select count(*) as contacts, count(*) filter (where public.is_in_flight(s.current_stage)) as in_flight
        from public.ai_automation_contact_states as s
        where s.rule_id = r.id
    ) as n
    cross join lateral (
        select count(*) as runs, coalesce(sum(k.sent), 0) as sent
        from public.ai_automation_runs as k
        where k.rule_id = r.id
    ) as u
    where r.id = p_rule_id;
$$;

comment on function public.deletion_preview(uuid) is
'What goes when this automation is deleted: contacts on the way, contacts with progress, runs and messages in its history; null when it is not the caller''s.';

create or replace function public.run_preview(p_rule_id uuid)
returns jsonb
language sql
stable
set search_path = ''
-- It counts whom request_run would queue, and may take as long.
set statement_timeout = '2min'
as $$
    select jsonb_build_object(
        'name', r.name,
        'enabled', r.enabled,
        'page_held', (
            select case when p.disconnected_at is not null then 'disconnected' when p.paused_at is not null then 'paused' end
            from public.facebook_pages as p
            where p.id = r.page_id
        ),
        -- Facebook has slowed or stopped it: whoever is queued waits for it, unchecked.
        'page_waits', (select coalesce(p.paused_until > now(), false) from public.facebook_pages as p where p.id = r.page_id),
        'queue', q.contacts,
        'would_send', q.would_send,
        'in_flight', (
            select count(*)
            from public.ai_automation_contact_states as s
            where s.rule_id = r.id and public.is_in_flight(s.current_stage)
        )
    )
    from public.ai_automation_rules as r
    cross join lateral (
        select count(*) as contacts, count(*) filter (where e.reason_code = 'ok') as would_send
        from public.contacts_to_queue(r.id, false) as k
        inner join public.judge_contacts(array[r.id], null, now(), public.as_if_on(r)) as e on e.contact_id = k.contact_id
    ) as q
    where r.id = p_rule_id;
$$;

comment on function public.run_preview(uuid) is
'How many contacts request_run would queue now, and how many of them would get a message; null when the automation is not the caller''s.';

create or replace function public.preview_rule(
    p_rule jsonb,
    p_reason text default null,
    p_search text default null,
    p_limit integer default 25,
    p_offset integer default 0
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
    v_rule public.ai_automation_rules;
    v_enabled boolean;
    v_named text := public.folded('%' || regexp_replace(nullif(btrim(p_search), ''), '([\\%_])', '\\\1', 'g') || '%');
    v_answer jsonb;
begin
    if p_rule ->> 'id' is not null then
        select r.* into v_rule from public.ai_automation_rules as r where r.id = (p_rule ->> 'id')::uuid;
        if not found then
            raise exception 'This automation does not exist.' using errcode = 'PT404';
        end if;
    end if;
    v_enabled := coalesce(v_rule.enabled, false);
    v_rule := public.as_if_on(jsonb_populate_record(v_rule, p_rule));

    with judged as materialized (
        select e.contact_id, e.reason_code, e.next_check_at, c.sender_name, c.sender_id, c.opted_out_at is not null as opted_out
        from public.judge_contacts(array[v_rule.id], null, now(), v_rule) as e
        inner join public.contacts as c on c.id = e.contact_id
    ),

    reasons as (
        select j.reason_code, count(*) as contacts, min(j.next_check_at) as next_check_at
        from judged as j
        group by j.reason_code
    ),

    found as (
        select j.*
        from judged as j
        where
            (p_reason is null or j.reason_code = p_reason)
            and (v_named is null or public.is_named(j.sender_name, v_named))
    ),

    listed as (
        select f.*
        from found as f
        order by (f.reason_code = 'ok') desc, f.opted_out, f.reason_code, lower(f.sender_name), f.contact_id
        limit least(greatest(p_limit, 0), 100) offset greatest(p_offset, 0)
    )

    select jsonb_build_object(
        'enabled', v_enabled,
        'contacts', (select coalesce(sum(n.contacts), 0) from reasons as n),
        'would_send', (select coalesce(sum(n.contacts) filter (where n.reason_code = 'ok'), 0) from reasons as n),
        'reasons', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'reason_code', n.reason_code, 'reason', public.reason_text(n.reason_code), 'contacts', n.contacts,
                'next_check_at', n.next_check_at
            ) order by n.contacts desc, n.reason_code), '[]'::jsonb)
            from reasons as n
        ),
        'matching', (select count(*) from found),
        'people', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'contact_id', l.contact_id, 'name', l.sender_name, 'sender_id', l.sender_id,
                'reason_code', l.reason_code, 'next_check_at', l.next_check_at, 'opted_out', l.opted_out
            ) order by (l.reason_code = 'ok') desc, l.opted_out, l.reason_code, lower(l.sender_name), l.contact_id), '[]'::jsonb)
            from listed as l
        )
    ) into v_answer;
    return v_answer;
end;
$$;

comment on function public.preview_rule(jsonb, text, text, integer, integer) is
'What an automation would do now if it were on: how many of the page''s contacts would get a message, how many not and why, and one page of names. p_rule holds settings as they were typed, over those of the saved automation p_rule.id if given; nothing is written.';

create or replace function public.dry_run(p_rule_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select public.preview_rule(jsonb_build_object('id', p_rule_id), p_limit => 0) - 'people' - 'matching';
$$;

comment on function public.dry_run(uuid) is
'Who would get a message now, and why the others would not, as if the automation were on; enabled says whether it is. Writes nothing.';

revoke execute on function
public.as_if_on(public.ai_automation_rules),
public.contacts_to_queue(uuid, boolean), public.delete_rule(uuid), public.restore_rule(uuid), public.remove_deleted_rules(integer),
public.deletion_preview(uuid), public.run_preview(uuid), public.preview_rule(jsonb, text, text, integer, integer)
from public, anon, authenticated, service_role;
grant execute on function
public.as_if_on(public.ai_automation_rules),
public.contacts_to_queue(uuid, boolean)
to authenticated, service_role;
grant execute on function
public.delete_rule(uuid), public.restore_rule(uuid), public.deletion_preview(uuid), public.run_preview(uuid),
public.preview_rule(jsonb, text, text, integer, integer)
to authenticated;
grant execute on function public.remove_deleted_rules(integer) to service_role;
