-- One page's events at a time: what is slow or wrong of one page holds up no other. Each owner's row of the page hears an event
-- once; what some row cannot hear yet waits for it (docs/decisions/0060).

create or replace function public.work_on_events(p_limit integer default 200)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_first public.facebook_events;
    v_events public.facebook_events[];
    v_page public.facebook_pages;
    v_its_events public.facebook_events[];
    v_its_later text[];
    v_later text[] := '{}';
    v_heard boolean := false;
    v_heard_ids bigint[] := '{}';
    v_heard_by uuid[] := '{}';
    v_unproven uuid[];
    v_worked integer := 0;
    v_put_off integer := 0;
    v_failed integer := 0;
begin
    delete from public.facebook_events as e
    where e.id in (
        select o.id from public.facebook_events as o where o.done_at < now() - interval '2 days' order by o.done_at limit p_limit
    );
    select e.* into v_first
    from public.facebook_events as e
    where e.done_at is null and e.due_at <= now()
    order by e.due_at, e.said_at
    limit 1
    for update skip locked;
    if not found then
        return jsonb_build_object('taken', 0, 'worked', 0, 'put_off', 0, 'failed', 0);
    end if;
    -- One that went wrong is tried alone.
    v_events := case when v_first.tries > 0 then array[v_first] else array(
        select e
        from public.facebook_events as e
        where e.facebook_page_id = v_first.facebook_page_id and e.done_at is null and e.due_at <= now() and e.tries = 0
        order by e.due_at, e.said_at
        limit p_limit
        for update skip locked
    ) end;
    select array_agg(e order by e.said_at, e.id) into v_events from unnest(v_events) as e;

    begin
        perform public.ask_deletion(e.told ->> 'code', e.sender_id) from unnest(v_events) as e where e.kind = 'deletion';
        -- Over all who hear it now, in the order in which everybody takes states.
        perform 1
        from public.ai_automation_contact_states as s
        where s.contact_id in (
            select c.id
            from unnest(v_events) as e
            inner join public.facebook_pages as p on p.facebook_page_id = v_first.facebook_page_id and p.id <> all(e.heard_by)
            inner join public.contacts as c on c.page_id = p.id and c.sender_id = e.sender_id
            where p.proven_at is not null
        )
        order by s.id
        for no key update;
        for v_page in
            select p.*
            from public.facebook_pages as p
            where p.facebook_page_id = v_first.facebook_page_id and p.proven_at is not null
            order by p.id
        loop
            v_heard := true;
            v_its_events := array(select e from unnest(v_events) as e where v_page.id <> all(e.heard_by));
            continue when v_its_events = '{}';
            v_its_later := public.work_on_page_events(v_page, v_its_events);
            v_later := v_later || v_its_later;
            v_heard_ids := v_heard_ids || array(select e.id from unnest(v_its_events) as e where e.event_key <> all(v_its_later));
            v_heard_by := v_heard_by || array_fill(v_page.id, array[cardinality(v_heard_ids) - cardinality(v_heard_by)]);
        end loop;
        v_later := v_later || public.tell_unproven_rows(v_first.facebook_page_id, v_events);
        v_unproven := array(
            select p.id
            from public.facebook_pages as p
            inner join public.facebook_page_secrets as k on k.page_id = p.id
            where
                p.facebook_page_id = v_first.facebook_page_id and p.proven_at is null
                and p.disconnected_at is null and p.status <> 'token_invalid'
        );
        with changed as (
            update public.facebook_events as e
            set
                done_at = case when g.waits then null else now() end,
                due_at = case
                    when g.comes_later then now() + least(interval '2 seconds' + (now() - e.received_at) / 10, interval '30 seconds')
                    when g.waits
                        then now() + least(
                            interval '2 seconds' + (now() - e.received_at) / case when v_heard then 1 else 2 end, interval '10 minutes'
                        )
                end,
                problem = case
                    when g.is_unproven and not g.comes_later then 'unproven_page'
                    when not (v_heard or g.waits or e.kind = 'deletion') then 'unknown_page'
                end,
                heard_by = case
                    when g.waits
                        then e.heard_by || array(select h.page_id from unnest(v_heard_ids, v_heard_by) as h (id, page_id) where h.id = e.id)
                    else '{}'
                end,
                sender_id = case when g.waits then e.sender_id end,
                told = case
                    when g.waits then e.told
                    -- An earlier one that comes later is compared with it.
                    when e.kind = 'policy' then jsonb_build_object('action', e.told -> 'action')
                    else '{}'
                end
            from (
                select w.id, w.comes_later, w.is_unproven, w.comes_later or w.is_unproven as waits
                from (
                    select
                        n.id,
                        -- For ten minutes; what is unclear for longer has been settled without it.
                        n.event_key = any(v_later) and n.received_at > now() - interval '10 minutes' as comes_later,
                        -- A worker asks Facebook within seconds; a page that cannot be proven for a day is nobody's here. What its
                        -- owner has heard is kept an hour for others: they read the conversations as soon as they are proven.
                        not (v_unproven <@ n.heard_by) and n.kind <> 'deletion'
                        and n.received_at > now() - case when v_heard then interval '1 hour' else interval '1 day' end as is_unproven
                    from unnest(v_events) as n
                ) as w
            ) as g
            where e.id = g.id
            returning g.waits
        )

        select count(*) filter (where not c.waits), count(*) filter (where c.waits) into v_worked, v_put_off from changed as c;
    exception
        -- Somebody else was at the same rows: nothing is wrong with the events.
        when transaction_rollback or lock_not_available then
            update public.facebook_events as e
            set due_at = now() + interval '0.5 seconds'
            where e.id in (select w.id from unnest(v_events) as w);
            v_put_off := cardinality(v_events);
        when others then
            update public.facebook_events as e
            set
                tries = e.tries + 1,
                problem = sqlstate,
                done_at = case when e.tries >= 9 then now() end,
                due_at = case when e.tries < 9 then now() + least(interval '1 second' * power(2, e.tries), interval '5 minutes') end,
                sender_id = case when e.tries < 9 then e.sender_id end,
                told = case when e.tries < 9 then e.told else '{}' end
            where e.id in (select w.id from unnest(v_events) as w);
            v_failed := cardinality(v_events);
    end;
    return jsonb_build_object('taken', cardinality(v_events), 'worked', v_worked, 'put_off', v_put_off, 'failed', v_failed);
end;
$$;

comment on function public.work_on_events(integer) is
'Works on up to p_limit due events of one page, those that are due longest first; several receivers share them. taken is 0 when nothing is due. Only rows that are proven hear it in full, each once; for others it waits, a day at most, or an hour where a proven one has heard it, and they are told of a STOP at once (tell_unproven_row). What goes wrong is tried again alone, ten times at most.';

revoke execute on function public.work_on_events(integer) from public, anon, authenticated, service_role;
grant execute on function public.work_on_events(integer) to service_role;
