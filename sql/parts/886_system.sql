-- What a signed-in person may know of the machine: that it works, and on how much of what is theirs. Nothing of anybody else.

create or replace function public.system_health()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
    select jsonb_build_object(
        'now', now(),
        'schema_version', public.schema_version(),
        'workers', coalesce((
            select jsonb_agg(jsonb_build_object(
                'name', w.name, 'version', w.version, 'started_at', w.started_at, 'beat_at', w.beat_at,
                'state', case
                    when w.stopped_at is not null then 'stopped' when public.is_silent(w.name) then 'lost' else 'works'
                end,
                'turns', w.turns, 'mine', coalesce(m.mine, '{}'::jsonb)
            ) order by w.stopped_at is not null, w.beat_at desc)
            from (
                select k.name, k.version, k.started_at, k.beat_at, k.stopped_at, k.turns
                from public.ai_automation_workers as k
                where k.beat_at > now() - interval '1 day'
                order by k.stopped_at is not null, k.beat_at desc
                limit 50
            ) as w
            left join lateral (
                select jsonb_object_agg(h.stage, h.contacts) as mine
                from (
                    select s.current_stage::text as stage, count(*) as contacts
                    from public.ai_automation_rules as r
                    inner join public.ai_automation_contact_states as s on s.rule_id = r.id
                    where
                        r.user_id = (select auth.uid()) and s.stage_rank = any('{1,3,5}'::smallint[])
                        and s.lease_owner = w.name and s.lease_expires_at > now()
                    group by s.current_stage
                ) as h
            ) as m on w.stopped_at is null
        ), '[]'::jsonb),
        'receivers', public.receiver_health()
    );
$$;

comment on function public.system_health() is
'Workers of the last day with their turns, and what they hold of the caller''s; receivers; the schema''s version. No number of anybody else.';

revoke execute on function public.system_health() from public, anon, authenticated, service_role;
grant execute on function public.system_health() to authenticated;
