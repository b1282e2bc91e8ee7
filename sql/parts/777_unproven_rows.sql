-- What a row hears of its page before its token has proven to be the page's (docs/decisions/0060): who says no, and when
-- somebody wrote. It goes on sending meanwhile, and nobody may be written to who has said STOP.

create or replace function public.tell_unproven_row(p_page public.facebook_pages, p_events public.facebook_events[])
returns text[]
language plpgsql
set search_path = ''
as $$
declare
    v_ids uuid[] := array(
        select c.id
        from public.contacts as c
        where c.page_id = p_page.id and c.sender_id in (select e.sender_id from unnest(p_events) as e)
    );
    v_told jsonb;
    v_heard jsonb;
begin
    if v_ids = '{}' then
        return '{}';
    end if;
    -- Anybody can name a page's id: the owners of the page wait for nobody who does.
    perform 1 from public.ai_automation_contact_states as s where s.contact_id = any(v_ids) order by s.id for no key update nowait;
    perform 1 from public.contacts as c where c.id = any(v_ids) order by c.id for no key update nowait;

    v_told := (
        select jsonb_agg(
            -- Without an id it is no message, and nothing of it is stored.
            case when e.is_own then e.told else jsonb_build_object('text', case when e.says_stop then 'STOP' end, 'metadata', substring(e.told ->> 'metadata', '^stagelight-answer:.*')) end
            || jsonb_build_object('sender_id', e.sender_id, 'said_at', e.said_at, 'direction', case e.kind when 'echo' then 'out' else 'in' end)
        )
        from (
            select
                w.kind, w.sender_id, w.said_at, w.told,
                coalesce(w.kind = 'message' and public.opt_word(w.told ->> 'text') = 'stop', false) as says_stop,
                -- Facebook's echo names a try that only this row made.
                w.kind = 'echo' and exists (
                    select 1
                    from public.contacts as c
                    inner join public.ai_automation_contact_states as s on s.contact_id = c.id
                    inner join public.ai_automation_attempts as a on a.state_id = s.id
                    where
                        c.page_id = p_page.id and c.sender_id = w.sender_id and a.started_at > now() - interval '2 days'
                        and w.told ->> 'metadata' = 'stagelight:' || a.id
                ) as is_own
            from unnest(p_events) as w
            where w.kind in ('message', 'echo', 'action')
        ) as e
        inner join public.contacts as k on k.id = any(v_ids) and k.sender_id = e.sender_id
        -- Who has disconnected the page wants to hear nothing, and connects it again some day.
        where p_page.disconnected_at is null or e.says_stop or e.is_own
    );
    if v_told is not null then
        v_heard := public.hear_messages(p_page.id, v_told);
    end if;
    return array(select e.event_key from unnest(p_events) as e where (v_heard -> 'in_hand') ? (e.told ->> 'mid'));
end;
$$;

comment on function public.tell_unproven_row(public.facebook_pages, public.facebook_events[]) is
'Of what Facebook tells of a page, for a row that is not proven: contacts that it has are opted out by their STOP, a reply counts from its time, and echoes of its own messages settle its tries. No text or name of anybody, no contact that it does not have, and no START; of a disconnected row no replies either. Returns the keys of echoes for whose answer a worker still waits. Raises lock_not_available where somebody is at the row''s contacts.';

create or replace function public.tell_unproven_rows(p_facebook_page_id text, p_events public.facebook_events[])
returns text[]
language plpgsql
set search_path = ''
as $$
declare
    v_page public.facebook_pages;
    v_events public.facebook_events[];
    v_later text[] := '{}';
begin
    for v_page in
        select p.*
        from public.facebook_pages as p
        where
            p.facebook_page_id = p_facebook_page_id and p.proven_at is null
            and exists (
                select 1 from public.contacts as c
                where c.page_id = p.id and c.sender_id in (select e.sender_id from unnest(p_events) as e)
            )
        order by p.id
    loop
        v_events := array(select e from unnest(p_events) as e where v_page.id <> all(e.heard_by));
        begin
            v_later := v_later || public.tell_unproven_row(v_page, v_events);
        exception
            -- What is wrong with such a row is not the page's trouble; it is told again.
            when others then
                v_later := v_later || array(select e.event_key from unnest(v_events) as e);
        end;
    end loop;
    return v_later;
end;
$$;

comment on function public.tell_unproven_rows(text, public.facebook_events[]) is
'tell_unproven_row for every such row of the page; returns the keys of those that must be told again, because it could not be done now or a worker is still sending.';

revoke execute on function
public.tell_unproven_row(public.facebook_pages, public.facebook_events[]), public.tell_unproven_rows(text, public.facebook_events[])
from public, anon, authenticated, service_role;
grant execute on function
public.tell_unproven_row(public.facebook_pages, public.facebook_events[]), public.tell_unproven_rows(text, public.facebook_events[])
to service_role;
