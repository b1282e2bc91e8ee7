-- A try that was put off is waiting for the next one only until there is a next one, or until it is clear that none comes.

create or replace function public.outcome_since(p_state_id bigint, p_attempt_id uuid, p_outcome text)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
    -- Of nearly every try nothing has to be looked up.
    if p_outcome <> 'retry' then
        return p_outcome;
    end if;
    return coalesce((
        select case
            when s.attempt_id <> p_attempt_id then 'retried'
            when public.is_in_flight(s.current_stage) then 'retry'
            else 'dropped'
        end
        from public.ai_automation_contact_states as s
        where s.id = p_state_id
    ), 'dropped');
end;
$$;

comment on function public.outcome_since(bigint, uuid, text) is
'A try''s outcome as it stands today: of one that was put off (retry) also whether it was tried again since (retried), or ended without that (dropped).';

revoke execute on function public.outcome_since(bigint, uuid, text) from public, anon, authenticated, service_role;
grant execute on function public.outcome_since(bigint, uuid, text) to authenticated;
