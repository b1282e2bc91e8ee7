-- Who has written is not written to before it was heard (docs/decisions/0062): what Facebook told is stored at once, and worked
-- on when its turn comes.

create or replace function public.without_unheard(p_state_ids bigint[])
returns bigint[]
language plpgsql
set search_path = ''
as $$
declare
    v_held bigint[] := array(
        select s.id
        from public.ai_automation_contact_states as s
        inner join public.contacts as c on c.id = s.contact_id
        inner join public.facebook_pages as p on p.id = s.page_id
        where
            s.id = any(p_state_ids)
            and exists (
                select from public.facebook_events as e
                where
                    e.facebook_page_id = p.facebook_page_id and e.sender_id = c.sender_id and e.done_at is null
                    and e.kind in ('message', 'action')
                    -- It may wait for another owner's row, or has told this one as much as it may know.
                    and p.id <> all(e.heard_by) and e.problem is distinct from 'unproven_page'
            )
    );
begin
    if v_held = '{}' then
        return p_state_ids;
    end if;
    -- Not at the head of the line, where others would wait for them.
    update public.ai_automation_contact_states as s
    set due_at = now() + interval '1 second'
    where s.id = any(v_held);
    return array(select i.id from unnest(p_state_ids) as i (id) where i.id <> all(v_held));
end;
$$;

comment on function public.without_unheard(bigint[]) is
'Of contacts that are to be sent to, those of whom no message or tap waits to be worked on; the others are looked at again after a second. The caller holds them.';

create or replace function public.unheard_stops(p_contact_ids uuid[])
returns uuid[]
language sql
stable
set search_path = ''
as $$
    select array(
        select c.id
        from public.contacts as c
        inner join public.facebook_pages as p on p.id = c.page_id
        inner join public.facebook_events as e on e.facebook_page_id = p.facebook_page_id and e.sender_id = c.sender_id
        where
            c.id = any(p_contact_ids) and e.done_at is null and e.kind = 'message' and p.id <> all(e.heard_by)
            and public.opt_word(e.told ->> 'text') = 'stop'
    );
$$;

comment on function public.unheard_stops(uuid[]) is 'Of contacts that are about to be forgotten, those whose STOP is stored and not worked on yet.';

revoke execute on function public.without_unheard(bigint[]), public.unheard_stops(uuid[]) from public, anon, authenticated, service_role;
grant execute on function public.without_unheard(bigint[]), public.unheard_stops(uuid[]) to service_role;
