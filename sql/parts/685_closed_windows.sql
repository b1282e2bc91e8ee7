-- Who waits for something that takes too long: the window closes, and waiting ends.

-- Whoever is taken up is judged then; this is for those who are not, because their page rests, or the AI, or there is much
-- before them. It reads everybody who waits, by the partial index of the claims, and writes only to whom it skips.
create or replace function public.skip_closed_windows(p_limit integer default 5000)
returns integer
language plpgsql
set search_path = ''
set plan_cache_mode = 'force_custom_plan'
as $$
declare
    v_ids bigint[];
    v_skipped integer;
begin
    v_ids := array(
        select s.id
        from public.ai_automation_contact_states as s
        inner join public.contacts as c on c.id = s.contact_id
        where
            s.current_stage in ('queued', 'eligible', 'ready_to_send')
            and c.last_inbound_at <= now() - interval '24 hours'
        limit p_limit
    );
    if v_ids = '{}' then
        return 0;
    end if;

    update public.ai_automation_contact_states as s
    set
        current_stage = 'skipped',
        reason_code = 'window_closed',
        status_message = public.reason_text('window_closed'),
        next_check_at = null,
        next_send_at = null,
        quota_day = null
    from (
        select t.id
        from public.ai_automation_contact_states as t
        inner join public.contacts as c on c.id = t.contact_id
        where
            t.id = any(v_ids) and t.current_stage in ('queued', 'eligible', 'ready_to_send')
            -- Again: they may have written since.
            and c.last_inbound_at <= now() - interval '24 hours'
        order by t.id
        for no key update of t skip locked
    ) as w
    where s.id = w.id;
    get diagnostics v_skipped = row_count;
    return v_skipped;
end;
$$;

comment on function public.skip_closed_windows(integer) is
'Skips contacts in queued, eligible and ready_to_send whose 24-hour window has closed while they waited, whatever they wait for; at most p_limit, and returns how many.';

revoke execute on function public.skip_closed_windows(integer) from public, anon, authenticated, service_role;
grant execute on function public.skip_closed_windows(integer) to service_role;
