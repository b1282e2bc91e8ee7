-- Who was in a worker's hands when it died is written to apart from the others: of many in hand one may have ended the
-- worker, and only who ends three, the last two alone, is put aside. Least suspected first, so that a storm in which workers
-- are killed by somebody else is over before anybody's last turn.

-- No row is in it but of contacts that a worker was lost with: an ordinary move does not write it.
create index if not exists ai_automation_contact_states_suspect_idx
on public.ai_automation_contact_states (current_stage, times_lost, due_at, id)
where times_lost > 0 and current_stage in ('eligible', 'generating');

comment on index public.ai_automation_contact_states_suspect_idx is
'Serves pick_to_write: contacts that were being written to when their worker stopped.';

create or replace function public.pick_to_write(p_worker text, p_limit integer)
returns setof bigint
language plpgsql
set search_path = ''
as $$
declare
    v_least integer;
begin
    if exists (
        select 1 from public.ai_automation_contact_states as s
        where s.current_stage = 'generating' and s.times_lost > 0 and s.lease_owner = p_worker and s.lease_expires_at > now()
    ) then
        return;
    end if;

    -- Of a page that pick_fairly would leave alone neither is taken.
    select s.times_lost into v_least
    from public.ai_automation_contact_states as s
    inner join public.facebook_pages as p on p.id = s.page_id
    where
        s.current_stage = 'eligible' and s.times_lost > 0 and s.due_at <= now()
        and (p.paused_until is null or p.paused_until <= now()) and p.paused_at is null
        and (p.status = 'active' or not public.has_one_to_try(p.user_id, p.id))
    order by s.times_lost
    limit 1;
    if v_least is null then
        return query select f.state_id from public.pick_fairly('eligible', p_limit) as f (state_id);
        return;
    end if;

    -- What else is in hand is finished first.
    if exists (
        select 1 from public.ai_automation_contact_states as s
        where s.current_stage = 'generating' and s.lease_owner = p_worker and s.lease_expires_at > now()
    ) then
        return;
    end if;
    return query
    select s.id
    from public.ai_automation_contact_states as s
    inner join public.facebook_pages as p on p.id = s.page_id
    where
        s.current_stage = 'eligible' and s.times_lost = v_least and s.due_at <= now()
        and (p.paused_until is null or p.paused_until <= now()) and p.paused_at is null
        and (p.status = 'active' or not public.has_one_to_try(p.user_id, p.id))
    order by s.due_at, s.id
    limit case when v_least = 1 then greatest(p_limit / 4, 1) else 1 end
    for no key update of s skip locked;
end;
$$;

comment on function public.pick_to_write(text, integer) is
'Locks due contacts to be written to. Those that a worker was lost with come first and apart: a quarter as many at once after the first time, then one alone; a worker that holds such takes no other.';

revoke execute on function public.pick_to_write(text, integer) from public, anon, authenticated, service_role;
grant execute on function public.pick_to_write(text, integer) to service_role;
