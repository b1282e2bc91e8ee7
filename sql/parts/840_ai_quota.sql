-- Whether messages wait because Google's daily quota is used up, and until when.

-- Google counts its days in Pacific time; what came back for this reason waits until that day is over.
create index if not exists ai_automation_contact_states_ai_quota_idx
on public.ai_automation_contact_states (rule_id, stage_entered_at)
where stage_rank = 4 and error_code = 'ai_daily_quota';

comment on index public.ai_automation_contact_states_ai_quota_idx is 'Serves ai_quota_until; nearly always empty.';

create or replace function public.ai_quota_until(p_rule_id uuid)
returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        select timezone('America/Los_Angeles', date_trunc('day', timezone('America/Los_Angeles', s.stage_entered_at)) + interval '1 day')
        from public.ai_automation_contact_states as s
        where
            s.rule_id = p_rule_id and s.stage_rank = 4 and s.error_code = 'ai_daily_quota'
            and s.stage_entered_at >= timezone('America/Los_Angeles', date_trunc('day', timezone('America/Los_Angeles', now())))
        order by s.stage_entered_at desc
        limit 1
    );
end;
$$;

comment on function public.ai_quota_until(uuid) is
'When Google''s daily quota begins again, if messages of this automation wait for that; null when none does, or it is not the caller''s.';

create or replace function public.ai_quota_waits()
returns jsonb
language sql
stable
set search_path = ''
as $$
    select coalesce(jsonb_object_agg(w.id, w.ends_at) filter (where w.ends_at is not null), '{}')
    from (select r.id, public.ai_quota_until(r.id) as ends_at from public.ai_automation_rules as r) as w;
$$;

comment on function public.ai_quota_waits() is 'The caller''s automations whose messages wait for Google''s daily quota, each with its end.';

revoke execute on function public.ai_quota_until(uuid), public.ai_quota_waits() from public, anon, authenticated, service_role;
grant execute on function public.ai_quota_until(uuid), public.ai_quota_waits() to authenticated;
