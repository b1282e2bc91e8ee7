-- One page's events at a time: what is slow or wrong of one page holds up no other.

create or replace function public.work_on_events(p_limit integer default 200)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_first public.facebook_events;
    v_events public.facebook_events[];
    v_page public.facebook_pages;
    v_later text[] := '{}';
    v_heard boolean := false;
    v_unproven boolean;
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
        -- Over all owners of the page, in the order in which everybody takes states.
        perform 1
        from public.ai_automation_contact_states as s
        where s.contact_id in (
            select c.id
            from public.facebook_pages as p
            inner join public.contacts as c on c.page_id = p.id
            where p.facebook_page_id = v_first.facebook_page_id and c.sender_id in (select e.sender_id from unnest(v_events) as e)
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
            v_later := v_later || public.work_on_page_events(v_page, v_events);
        end loop;
        v_unproven := not v_heard and exists (
            select 1
            from public.facebook_pages as p
            inner join public.facebook_page_secrets as k on k.page_id = p.id
            where p.facebook_page_id = v_first.facebook_page_id and p.disconnected_at is null and p.status <> 'token_invalid'
        );
        with changed as (
            update public.facebook_events as e
            set
                done_at = case when g.waits then null else now() end,
                due_at = case
                    when g.waits and v_unproven then now() + least(interval '2 seconds' + (now() - e.received_at) / 2, interval '10 minutes')
                    when g.waits then now() + least(interval '2 seconds' + (now() - e.received_at) / 10, interval '30 seconds')
                end,
                problem = case when v_heard or e.kind = 'deletion' then null when g.waits then 'unproven_page' else 'unknown_page' end,
                sender_id = case when g.waits then e.sender_id end,
                told = case
                    when g.waits then e.told
                    -- An earlier one that comes later is compared with it.
                    when e.kind = 'policy' then jsonb_build_object('action', e.told -> 'action')
                    else '{}'
                end
            from (
                select
                    w.id,
                    -- For ten minutes; what is unclear for longer has been settled without it.
                    (w.event_key = any(v_later) and w.received_at > now() - interval '10 minutes')
                    -- A worker asks Facebook within seconds; a page that cannot be proven for a day is nobody's here.
                    or (v_unproven and w.kind <> 'deletion' and w.received_at > now() - interval '1 day') as waits
                from unnest(v_events) as w
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
'Works on up to p_limit due events of one page, those that are due longest first; several receivers share them. taken is 0 when nothing is due. Only pages that are proven hear of anything; for others it waits, a day at most. What goes wrong is tried again alone, ten times at most.';

revoke execute on function public.work_on_events(integer) from public, anon, authenticated, service_role;
grant execute on function public.work_on_events(integer) to service_role;
