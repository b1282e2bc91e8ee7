-- Contacts from a file: each row is checked by itself; a bad one is reported by its line, the others go in.

create or replace function public.moment_or_null(p_text text)
returns timestamptz
language plpgsql
immutable
set search_path = ''
set timezone = 'UTC'
as $$
begin
    -- Year first only: 11/12/2026 is one day to one reader and another day to the next.
    return case
        when nullif(btrim(p_text), '') is null then null
        when btrim(p_text) ~ '^\d{4}-\d{1,2}-\d{1,2}' then btrim(p_text)::timestamptz
        else 'infinity'
    end;
exception
    when others then
        return 'infinity';
end;
$$;

comment on function public.moment_or_null(text) is 'Text to a moment, UTC where no zone is given; infinity where it is not one.';

create or replace function public.judge_import(p_page public.facebook_pages, p_contacts jsonb)
returns table (
    line integer, sender_id text, name text, time_zone text, last_inbound_at timestamptz, tags text[], is_known boolean, new_tags text[], problem text
)
language sql
stable
set search_path = ''
as $$
    with given as (
        select
            e.ordinality,
            case when e.value ->> 'line' ~ '^\d{1,9}$' then (e.value ->> 'line')::int else e.ordinality::int end as line,
            btrim(coalesce(e.value ->> 'sender_id', '')) as sender_id,
            btrim(coalesce(e.value ->> 'name', '')) as name,
            nullif(btrim(e.value ->> 'time_zone'), '') as time_zone,
            public.moment_or_null(e.value ->> 'last_message_at') as last_inbound_at,
            coalesce(array(
                select distinct lower(btrim(t.tag))
                from unnest(
                    case jsonb_typeof(e.value -> 'tags')
                        when 'array' then array(select jsonb_array_elements_text(e.value -> 'tags'))
                        else regexp_split_to_array(coalesce(e.value ->> 'tags', ''), '[;|,]')
                    end
                ) as t (tag)
                where btrim(t.tag) <> ''
            ), '{}') as tags
        from jsonb_array_elements(p_contacts) with ordinality as e
    )

    select
        g.line,
        g.sender_id,
        g.name,
        g.time_zone,
        g.last_inbound_at,
        g.tags,
        c.id is not null,
        array(select t.tag from unnest(g.tags) as t (tag) where c.id is null or t.tag <> all(c.tags)),
        case
            when g.sender_id = '' then 'sender_id is missing'
            when g.sender_id ~ '^\d[.,]?\d*[eE]\+\d+$'
                then 'sender_id was shortened by a spreadsheet: format the column as text and export again'
            when g.sender_id !~ '^[0-9]+$' then 'sender_id is not a number: Facebook''s ids of people have digits only'
            when length(g.sender_id) > 200 then 'sender_id is longer than 200 characters'
            when length(g.name) > 300 then 'name is longer than 300 characters'
            when cardinality(g.tags) > 100 then 'more than 100 tags'
            when (select max(length(t.tag)) from unnest(g.tags) as t (tag)) > 100 then 'a tag is longer than 100 characters'
            when (select count(distinct t.tag) from unnest(c.tags || g.tags) as t (tag)) > 100
                then 'more than 100 tags with those it has'
            when
                g.time_zone is not null
                and not exists (select 1 from pg_catalog.pg_timezone_names as z where z.name = g.time_zone)
                then format('time_zone "%s" is not a zone name such as Europe/Berlin', left(g.time_zone, 60))
            when not isfinite(g.last_inbound_at) then 'last_message_at is not a moment such as 2026-11-22T14:00:00+01:00 or 2026-11-22 14:00'
            when g.last_inbound_at > now() + interval '5 minutes' then 'last_message_at lies in the future'
            when g.last_inbound_at < timestamptz '2004-01-01 00:00:00+00' then 'last_message_at lies before there was Facebook'
            when c.id is null and t.deleted_at is not null
                then 'this contact was deleted, and comes back only by writing to the page'
            when row_number() over (partition by g.sender_id order by g.ordinality) > 1
                then format('sender_id %s stands on an earlier line', left(g.sender_id, 60))
        end
    from given as g
    left join public.contacts as c on c.page_id = p_page.id and c.sender_id = g.sender_id
    left join public.contact_tombstones as t
        on t.user_id = p_page.user_id and t.person_hash = public.person_hash(p_page.facebook_page_id, g.sender_id)
    order by g.ordinality;
$$;

comment on function public.judge_import(public.facebook_pages, jsonb) is
'The rows of import_contacts as they would be stored on a page, each with why it is not taken; a dry pass and the import are judged alike.';

create or replace function public.page_to_import(p_page_id uuid, p_contacts jsonb)
returns public.facebook_pages
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_page public.facebook_pages;
begin
    select p.* into v_page from public.facebook_pages as p where p.id = p_page_id and p.user_id = (select auth.uid());
    if not found then
        raise exception 'This page does not exist.' using errcode = 'PT404';
    end if;
    if jsonb_typeof(p_contacts) is distinct from 'array' or jsonb_array_length(p_contacts) > 1000 then
        raise exception 'Contacts come as a list of at most 1000.' using errcode = '22023';
    end if;
    return v_page;
end;
$$;

comment on function public.page_to_import(uuid, jsonb) is 'The caller''s page; refuses one that is not theirs, and what is no list of at most 1000.';

create or replace function public.check_import(p_page_id uuid, p_contacts jsonb)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_page public.facebook_pages := public.page_to_import(p_page_id, p_contacts);
begin
    return (
        with judged as materialized (
            select j.* from public.judge_import(v_page, p_contacts) as j
        )

        select jsonb_build_object(
            'imported', count(*) filter (where j.problem is null and not j.is_known),
            'updated', count(*) filter (where j.problem is null and j.is_known),
            'rejected', coalesce(
                jsonb_agg(jsonb_build_object('line', j.line, 'reason', j.problem) order by j.line) filter (where j.problem is not null), '[]'
            ),
            'tags', coalesce((
                select jsonb_object_agg(k.tag, k.contacts)
                from (
                    select t.tag, count(*) as contacts
                    from judged as g
                    cross join unnest(g.new_tags) as t (tag)
                    where g.problem is null
                    group by t.tag
                ) as k
            ), '{}')
        )
        from judged as j
    );
end;
$$;

comment on function public.check_import(uuid, jsonb) is
'What import_contacts would do with the same rows, and how many contacts would get which tag; nothing is written.';

create or replace function public.import_contacts(p_page_id uuid, p_contacts jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_page public.facebook_pages := public.page_to_import(p_page_id, p_contacts);
    v_rejected jsonb;
    v_imported integer;
    v_updated integer;
    v_new uuid[];
    v_forgotten integer;
    v_tags jsonb;
begin
    -- Whoever is forgotten this moment is forgotten before or after this; see resolve_deletion.
    perform pg_advisory_xact_lock_shared(20261122, 102);
    -- States before contacts, as everybody takes them: a newer message ends sequences, and so takes their states.
    perform 1
    from public.ai_automation_contact_states as s
    inner join public.contacts as c on c.id = s.contact_id
    where
        c.page_id = v_page.id
        and c.sender_id in (select btrim(e.value ->> 'sender_id') from jsonb_array_elements(p_contacts) as e)
    order by s.id
    for no key update of s;

    with judged as materialized (
        select j.* from public.judge_import(v_page, p_contacts) as j
    ),

    stored as (
        insert into public.contacts as c (user_id, page_id, sender_id, sender_name, tags, time_zone, last_inbound_at)
        select v_page.user_id, v_page.id, j.sender_id, j.name, j.tags, j.time_zone, j.last_inbound_at
        from judged as j
        where j.problem is null
        order by j.sender_id
        on conflict (page_id, sender_id) do update
            set
                sender_name = coalesce(nullif(excluded.sender_name, ''), c.sender_name),
                tags = array(select distinct t.tag from unnest(c.tags || excluded.tags) as t (tag) order by t.tag),
                time_zone = coalesce(excluded.time_zone, c.time_zone),
                last_inbound_at = greatest(c.last_inbound_at, excluded.last_inbound_at),
                updated_at = now()
        returning c.id, (c.xmax = 0) as is_new
    )

    select
        (select array_agg(n.id) from stored as n where n.is_new),
        (select count(*) from stored as n where not n.is_new),
        coalesce(jsonb_agg(jsonb_build_object('line', j.line, 'reason', j.problem) order by j.line) filter (where j.problem is not null), '[]'),
        (
            select jsonb_agg(k.tag order by k.tag)
            from (
                select distinct t.tag
                from judged as g
                cross join unnest(g.tags) as t (tag)
                where g.problem is null
                order by t.tag
                limit 20
            ) as k
        )
    into v_new, v_updated, v_rejected, v_tags
    from judged as j;

    -- They were known, and were forgotten while this waited for them.
    delete from public.contacts as c
    using public.contact_tombstones as t
    where
        c.id = any(v_new) and t.user_id = v_page.user_id
        and t.person_hash = public.person_hash(v_page.facebook_page_id, c.sender_id);
    get diagnostics v_forgotten = row_count;
    v_imported := coalesce(cardinality(v_new), 0) - v_forgotten;

    insert into public.ai_automation_audit (user_id, page_id, action, affected, detail)
    values (v_page.user_id, v_page.id, 'import_contacts', v_imported + v_updated, jsonb_strip_nulls(jsonb_build_object('tags', v_tags)));
    return jsonb_build_object('imported', v_imported, 'updated', v_updated, 'rejected', v_rejected);
end;
$$;

comment on function public.import_contacts(uuid, jsonb) is
'Adds or updates up to 1000 contacts of the caller''s page ([{line, sender_id, name, tags, time_zone, last_message_at}]). last_inbound_at never goes back; tags are added. Bad rows come back as rejected: [{line, reason}].';

revoke execute on function
public.judge_import(public.facebook_pages, jsonb), public.page_to_import(uuid, jsonb), public.check_import(uuid, jsonb)
from public, anon, authenticated, service_role;
grant execute on function public.check_import(uuid, jsonb) to authenticated;
