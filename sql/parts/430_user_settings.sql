-- What a person wants everywhere: zone, light or dark, and what a new automation begins with.

create table if not exists public.user_settings (
    user_id uuid not null references auth.users (id) on delete cascade,
    time_zone text,
    theme text not null default 'system',
    wait_minutes integer,
    max_follow_ups integer,
    daily_limit integer,
    run_24_7 boolean,
    active_from time,
    active_until time,
    updated_at timestamptz not null default now(),
    constraint user_settings_pkey primary key (user_id),
    constraint user_settings_time_zone_exists check (timezone(time_zone, timestamptz '2026-01-01 00:00:00+00') is not null or time_zone is null),
    constraint user_settings_theme_is_known check (theme in ('system', 'light', 'dark')),
    constraint user_settings_wait_is_possible check (wait_minutes between 0 and 43200),
    constraint user_settings_follow_ups_are_few check (max_follow_ups between 1 and 10),
    constraint user_settings_daily_limit_is_possible check (daily_limit between 0 and 100000),
    constraint user_settings_hours_are_a_span check (active_from <> active_until)
);

comment on table public.user_settings is 'What a person wants on every page and in every browser; without a row, and where a column is empty, the browser''s and ours.';
comment on column public.user_settings.user_id is 'Whose.';
comment on column public.user_settings.time_zone is 'IANA name of the zone in which times are told; empty: the browser''s.';
comment on column public.user_settings.theme is 'light, dark, or system: as the machine has it.';
comment on column public.user_settings.wait_minutes is 'With what wait a new automation begins.';
comment on column public.user_settings.max_follow_ups is 'With how many follow-ups.';
comment on column public.user_settings.daily_limit is 'With what limit a day.';
comment on column public.user_settings.run_24_7 is 'Whether around the clock.';
comment on column public.user_settings.active_from is 'From when.';
comment on column public.user_settings.active_until is 'Until when.';
comment on column public.user_settings.updated_at is 'When it was last saved.';

alter table public.user_settings enable row level security;
revoke all on public.user_settings from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.user_settings to service_role;
grant select on public.user_settings to authenticated;
drop policy if exists "owners see their settings" on public.user_settings;
create policy "owners see their settings" on public.user_settings
for select to authenticated using (user_id = (select auth.uid()));

create or replace function public.save_settings(p_settings jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_user_id constant uuid := (select auth.uid());
    v_before public.user_settings;
    v_now public.user_settings;
    v_changed jsonb;
begin
    if jsonb_typeof(p_settings) is distinct from 'object' then
        raise exception 'Settings are an object.' using errcode = '22023';
    end if;
    insert into public.user_settings (user_id) values (v_user_id) on conflict do nothing;
    select u.* into v_before from public.user_settings as u where u.user_id = v_user_id for no key update;
    v_now := jsonb_populate_record(v_before, p_settings - 'user_id' - 'updated_at');
    v_now.theme := coalesce(v_now.theme, 'system');
    update public.user_settings as u
    set
        time_zone = v_now.time_zone, theme = v_now.theme, wait_minutes = v_now.wait_minutes, max_follow_ups = v_now.max_follow_ups,
        daily_limit = v_now.daily_limit, run_24_7 = v_now.run_24_7, active_from = v_now.active_from,
        active_until = v_now.active_until, updated_at = now()
    where u.user_id = v_user_id;
    select jsonb_agg(n.key order by n.key) into v_changed
    from jsonb_each(to_jsonb(v_now)) as n
    where n.value is distinct from to_jsonb(v_before) -> n.key;
    if v_changed is not null then
        insert into public.ai_automation_audit (user_id, action, detail)
        values (v_user_id, 'save_settings', jsonb_build_object('changed', v_changed));
    end if;
    return to_jsonb(v_now) - 'user_id' - 'updated_at';
end;
$$;

comment on function public.save_settings(jsonb) is
'Changes the caller''s settings that p_settings names, and answers with all of them. A null gives one back to the browser or to us.';

revoke execute on function public.save_settings(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.save_settings(jsonb) to authenticated;
