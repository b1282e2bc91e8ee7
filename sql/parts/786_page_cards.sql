-- What the screen of Facebook pages shows.

create or replace function public.page_cards(p_with_counts boolean)
returns jsonb
language sql
stable
set search_path = ''
as $$
    -- All pages at once: one by one each of them would read every contact of the owner.
    with told as (
        select o.page_id, count(*) as contacts
        from public.contacts as o
        where p_with_counts and o.user_id = (select auth.uid())
        group by o.page_id
    ),

    unanswered as (
        select
            c.page_id, count(*) as contacts, max(k.tried_at) as last_at,
            (array_agg(k.error_code order by k.tried_at desc))[1] as code
        from public.opt_confirmations as k
        inner join public.contacts as c on c.id = k.contact_id
        where k.user_id = (select auth.uid()) and k.status = 'failed' and k.tried_at > now() - interval '1 day'
        group by c.page_id
    )

    select coalesce(jsonb_agg(to_jsonb(c) order by c.disconnected_at is not null, lower(c.name), c.id), '[]'::jsonb)
    from (
        select
            p.id, p.facebook_page_id, p.name, p.status, p.status_reason, p.setback_at, p.paused_until, p.paused_at, p.disconnected_at,
            p.warning, p.warned_at,
            p.subscribed_at, p.subscribe_error, p.sends_per_minute,
            case when p.usage_at > now() - interval '1 day' then round(p.usage_percent) end as usage_percent, p.usage_at,
            s.phase, s.is_full, s.threads_seen, s.threads_total, s.seconds_a_thread, s.requested_at, s.started_at, s.finished_at,
            s.lease_expires_at > now() as is_read_now, s.not_before_at, s.error_message, s.error_hint, s.error_at,
            case when p_with_counts then coalesce(t.contacts, 0) end as contacts,
            u.contacts as unanswered, u.last_at as unanswered_at, u.code as unanswered_code,
            (
                select coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'name', r.name, 'enabled', r.enabled) order by lower(r.name), r.id), '[]'::jsonb)
                from public.ai_automation_rules as r
                where r.page_id = p.id and r.deleted_at is null
            ) as automations
        from public.facebook_pages as p
        left join public.facebook_page_syncs as s on s.page_id = p.id
        left join told as t on t.page_id = p.id
        left join unanswered as u on u.page_id = p.id
        where p.user_id = (select auth.uid())
        order by p.disconnected_at is not null, lower(p.name), p.id
        limit 500
    ) as c;
$$;

comment on function public.page_cards(boolean) is
'Everything the page of Facebook pages shows, of one moment; contacts are counted only where asked, because that reads them all. 500 pages at most.';

revoke execute on function public.page_cards(boolean) from public, anon, authenticated, service_role;
grant execute on function public.page_cards(boolean) to authenticated;
