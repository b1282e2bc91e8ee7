-- How contacts get into a run: by the schedule, or because a person pressed the button.

-- p_due_only takes those whose time has come; otherwise all that are not in flight, not waiting for their next follow-up
-- and not over are checked again.
create or replace function public.contacts_to_queue(p_rule_id uuid, p_due_only boolean)
returns table (contact_id uuid, last_inbound_at timestamptz)
language sql
stable
set search_path = ''
as $$
    select c.id, c.last_inbound_at
    from public.ai_automation_rules as r
    inner join public.contacts as c on c.page_id = r.page_id
    left join public.ai_automation_contact_states as s on s.rule_id = r.id and s.contact_id = c.id
    where
        r.id = p_rule_id
        and (
            r.include_tags = '{}'
            or case r.include_mode when 'all' then c.tags @> r.include_tags else c.tags && r.include_tags end
        )
        and (
            s.id is null
            or (s.current_stage in ('sent', 'skipped') and s.next_check_at <= now())
            or (
                s.current_stage = 'skipped'
                and (not p_due_only or greatest(c.updated_at, r.updated_at) > s.stage_entered_at)
            )
        );
$$;

comment on function public.contacts_to_queue(uuid, boolean) is
'Whom a run of this automation would queue now: the one place that decides, for the schedule, for Run now and for the number in its question.';

create or replace function public.queue_contacts(p_rule public.ai_automation_rules, p_run_id uuid, p_contact_ids uuid[])
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_queued integer;
    v_again integer := 0;
begin
    -- Whom this run has had already it counts once: keep_books takes back what became of them.
    if exists (select 1 from public.ai_automation_runs as r where r.id = p_run_id and r.total > 0) then
        select count(*) into v_again
        from (
            select 1
            from public.ai_automation_contact_states as s
            where
                s.rule_id = p_rule.id and s.contact_id = any(p_contact_ids) and s.run_id = p_run_id
                and s.current_stage in ('sent', 'skipped')
            order by s.id
            for no key update
        ) as k;
    end if;

    insert into public.ai_automation_contact_states as s (
        user_id, rule_id, contact_id, run_id, max_follow_ups, status_message
    )
    select p_rule.user_id, p_rule.id, m.contact_id, p_run_id, p_rule.max_follow_ups, 'In queue'
    from unnest(p_contact_ids) as m (contact_id)
    on conflict (rule_id, contact_id) do update
        set
            run_id = excluded.run_id,
            current_stage = 'queued',
            queued_at = now(),
            sequence_began_at = case when s.last_sent_at is null then now() else s.sequence_began_at end,
            due_at = now(),
            next_send_at = null,
            next_check_at = null,
            status_message = excluded.status_message,
            reason_code = null,
            error_code = null,
            error_message = null,
            error_hint = null,
            generated_message = null,
            generation_time_ms = null,
            ai_model = null,
            tokens_in = null,
            tokens_out = null,
            cost_usd = null,
            max_follow_ups = excluded.max_follow_ups,
            attempt = 0,
            times_lost = 0,
            approved_at = null,
            quota_day = null
        where s.current_stage in ('sent', 'skipped');
    get diagnostics v_queued = row_count;
    -- The contacts first, then their run: in this order whatever moves contacts takes them.
    update public.ai_automation_runs as r
    set total = r.total + v_queued - v_again, finished_at = null
    where r.id = p_run_id and v_queued > 0;
    delete from public.ai_automation_runs as r where r.id = p_run_id and v_queued = 0 and r.total = 0;
    return v_queued;
end;
$$;

comment on function public.queue_contacts(public.ai_automation_rules, uuid, uuid[]) is
'Queues those of these contacts that are new, sent or skipped as part of a run, and says how many; with nobody to queue there is no run.';

drop function if exists public.enqueue_contacts(uuid, text, uuid, boolean);
create or replace function public.enqueue_contacts(
    p_rule_id uuid, p_source text, p_requested_by uuid, p_due_only boolean, p_slot text default null
)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_rule public.ai_automation_rules;
    v_run_id uuid;
    v_queued integer;
begin
    select r.* into v_rule from public.ai_automation_rules as r where r.id = p_rule_id for no key update;
    insert into public.ai_automation_runs (user_id, rule_id, source, requested_by, slot)
    values (v_rule.user_id, v_rule.id, p_source, p_requested_by, p_slot)
    on conflict (rule_id, slot) where slot is not null do nothing
    returning id into v_run_id;
    if v_run_id is null then
        return jsonb_build_object('run_id', null, 'queued', 0);
    end if;

    v_queued := public.queue_contacts(v_rule, v_run_id, array(
        select m.contact_id
        from public.contacts_to_queue(v_rule.id, p_due_only) as m
        order by m.last_inbound_at, m.contact_id
        limit case when p_due_only then 20000 end
    ));
    return jsonb_build_object('run_id', case when v_queued > 0 then v_run_id end, 'queued', v_queued);
end;
$$;

comment on function public.enqueue_contacts(uuid, text, uuid, boolean, text) is
'Starts a run of one rule, unless its slot has one, and says how many contacts were queued; with nobody to queue there is no run. Not callable from outside; request_run and enqueue_due_contacts are.';

-- The reasons that time cures, and none of those who were sent to: each is one look into an index.
create or replace function public.has_due_again(p_rule_id uuid)
returns boolean
language sql
stable
set search_path = ''
as $$
    select exists (
        select 1
        from unnest('{"", waiting, outside_active_hours, daily_limit_reached, page_unavailable, page_paused, page_disconnected}'::text[]) as k (reason)
        where exists (
            select 1
            from public.ai_automation_contact_states as s
            where
                s.rule_id = p_rule_id and s.end_reason = k.reason and s.next_check_at <= now()
                and s.current_stage in ('sent', 'skipped')
        )
    );
$$;

comment on function public.has_due_again(uuid) is 'Whether the next check of a contact of this automation is due.';

create or replace function public.enqueue_due_again(p_rule public.ai_automation_rules)
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_slot text := to_char(timezone('UTC', now()), '"follow-ups" YYYY-MM-DD HH24 "UTC"');
begin
    -- They come one by one; a run of its own for each look would fill the table.
    insert into public.ai_automation_runs (user_id, rule_id, source, slot)
    values (p_rule.user_id, p_rule.id, 'schedule', v_slot)
    on conflict (rule_id, slot) where slot is not null do nothing;

    return public.queue_contacts(
        p_rule,
        (select u.id from public.ai_automation_runs as u where u.rule_id = p_rule.id and u.slot = v_slot),
        array(
            select c.id
            from public.ai_automation_contact_states as s
            inner join public.contacts as c on c.id = s.contact_id
            where s.rule_id = p_rule.id and s.next_check_at <= now() and s.current_stage in ('sent', 'skipped')
            order by c.last_inbound_at, c.id
            limit 20000
        )
    );
end;
$$;

comment on function public.enqueue_due_again(public.ai_automation_rules) is
'Queues the contacts of an automation whose next check is due, all of one hour in one run.';

create or replace function public.request_run(p_rule_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
-- A page of a million contacts takes longer than the eight seconds a signed-in person has.
set statement_timeout = '2min'
as $$
declare
    v_rule public.ai_automation_rules;
    v_result jsonb;
    v_in_flight integer;
    v_contacts integer;
begin
    select r.* into v_rule
    from public.ai_automation_rules as r
    where r.id = p_rule_id and r.user_id = (select auth.uid()) and r.deleted_at is null;
    if not found then
        raise exception 'This automation does not exist.' using errcode = 'PT404';
    end if;
    if not v_rule.enabled then
        raise exception 'This automation is switched off.' using errcode = 'P0001', hint = 'Switch it on first.';
    end if;
    perform public.refuse_held_page(v_rule.page_id);
    select count(*) into v_in_flight
    from public.ai_automation_contact_states as s
    where s.rule_id = p_rule_id and s.current_stage <= 'sending';
    select count(*) into v_contacts from public.contacts as c where c.page_id = v_rule.page_id;
    v_result := public.enqueue_contacts(p_rule_id, 'manual', v_rule.user_id, false);
    insert into public.ai_automation_audit (user_id, rule_id, action, affected)
    values (v_rule.user_id, p_rule_id, 'request_run', (v_result ->> 'queued')::int);
    return v_result || jsonb_build_object(
        'already_in_flight', v_in_flight,
        'not_queued', v_contacts - v_in_flight - (v_result ->> 'queued')::int
    );
end;
$$;

comment on function public.request_run(uuid) is
'Run now: queues every contact of the caller''s automation that is not in flight, not over and not waiting for its next follow-up.';

create or replace function public.enqueue_due_contacts(p_limit integer default 50)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_rule public.ai_automation_rules;
    v_new integer;
    v_queued integer := 0;
    v_rules integer := 0;
begin
    for v_rule in
        select r.*
        from public.ai_automation_rules as r
        inner join public.facebook_pages as p on p.id = r.page_id and p.paused_at is null and p.disconnected_at is null
        where
            r.enabled
            -- Who chose times of day wants nothing in between.
            and (r.next_run_at <= now() or (r.run_at = '{}' and public.has_due_again(r.id)))
        -- Whose contacts come one by one takes turns with the others of that kind.
        order by least(r.next_run_at, now()), random()
        limit p_limit
        for no key update of r skip locked
    loop
        if v_rule.next_run_at > now() then
            v_new := public.enqueue_due_again(v_rule);
            v_queued := v_queued + v_new;
            v_rules := v_rules + (v_new > 0)::int;
            continue;
        end if;
        v_rules := v_rules + 1;
        v_new := (
            public.enqueue_contacts(
                v_rule.id, 'schedule', null, true, public.slot_of(v_rule.run_at, v_rule.time_zone, v_rule.next_run_at)
            ) ->> 'queued'
        )::int;
        v_queued := v_queued + v_new;
        update public.ai_automation_rules as r
        -- With more than one call queues, the rest is due at once.
        set next_run_at = case when v_new < 20000 then public.next_run_of(v_rule, now()) else now() end
        where r.id = v_rule.id;
    end loop;
    return jsonb_build_object('rules', v_rules, 'queued', v_queued);
end;
$$;

comment on function public.enqueue_due_contacts(integer) is
'The plan turn: queues what is due of every enabled automation whose time has come, and, unless it runs at times of day only, whose contacts'' next check has; those of a page that a person paused or disconnected wait for it. Two schedulers never start one slot twice.';
