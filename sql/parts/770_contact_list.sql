-- The list of contacts: how a search is read, whom a filter means, and one page of them in an order, by keyset.

-- The index alone, and no more of it than can be put in order at once: a planner cannot know how many names begin so.
create or replace function public.contacts_named(p_user_id uuid, p_search text, p_limit integer)
returns uuid[]
language plpgsql
stable
set search_path = ''
set enable_seqscan = 'off'
as $$
declare
    v_words tsquery := (
        select string_agg(
            '''' || left(p_user_id::text, 8) || replace(replace(t.word, '\', '\\'), '''', '''''') || ''':*', ' & '
        )::tsquery
        from unnest(regexp_split_to_array(public.folded(p_search), '[\s.,;:()"''/_-]+')) as t (word)
        where t.word <> ''
    );
begin
    if v_words is null then
        return null;
    end if;
    return array(
        select c.id from public.contacts as c
        where public.contact_words(c.user_id, c.sender_name, c.sender_id) @@ v_words
        limit p_limit
    );
end;
$$;

comment on function public.contacts_named(uuid, text, integer) is
'At most p_limit contacts of which every word of a search begins a word (see contact_words); null when the search has no word. Two people''s ids may begin alike: whoever calls looks at the owner.';

-- It stood here under another name while accents counted: what it holds is no longer looked for.
drop index if exists public.contacts_words_idx;
create index if not exists contacts_folded_idx on public.contacts
using gin (public.contact_words(user_id, sender_name, sender_id));
create index if not exists contacts_name_idx on public.contacts (user_id, lower(sender_name), id);
-- Not by last_outbound_at: an index on it would make every sent message dearer.
create index if not exists contacts_heard_idx on public.contacts
(user_id, coalesce(last_inbound_at, timestamptz '-infinity'), id);
create index if not exists contacts_added_idx on public.contacts (user_id, created_at, id);

comment on index public.contacts_folded_idx is 'Serves find_contacts: the search by name or sender_id.';
comment on index public.contacts_name_idx is 'Serves find_contacts: the list by name.';
comment on index public.contacts_heard_idx is 'Serves find_contacts: the list by when they last wrote, and the window.';
comment on index public.contacts_added_idx is 'Serves find_contacts: the list by when they became known.';

-- What the list shows and what a press for many acts on is chosen here, so that the two numbers cannot differ.
-- Planned anew each time with the filter's own values: what is not asked for is not in the plan, nor are the other orders.
create or replace function public.contacts_that_fit(
    p_user_id uuid, p_filter jsonb, p_among uuid[], p_order text, p_after jsonb, p_limit integer
)
returns setof uuid
language plpgsql
stable
rows 100
set search_path = ''
set plan_cache_mode = 'force_custom_plan'
as $$
declare
    v_page uuid := nullif(p_filter ->> 'page', '')::uuid;
    v_tag text := nullif(lower(btrim(p_filter ->> 'tag')), '');
    v_opted_out boolean := case p_filter ->> 'opted' when 'yes' then true when 'no' then false end;
    v_window text := nullif(p_filter ->> 'window', '');
    v_since timestamptz;
    v_until timestamptz;
    v_words text [];
    v_name text := p_after ->> 0;
    v_at timestamptz;
    v_id uuid := (p_after ->> 1)::uuid;
begin
    if p_among is null then
        select array_agg('(^|[\s.,;:()"''/_-])' || regexp_replace(t.word, '([][\\.*+?^$(){}|])', '\\\1', 'g')) into v_words
        from unnest(regexp_split_to_array(public.folded(p_filter ->> 'q'), '[\s.,;:()"''/_-]+')) as t (word)
        where t.word <> '';
    end if;
    if p_order not in ('name', '-name', '') then
        v_at := v_name::timestamptz;
    end if;
    if v_window is not null then
        v_since := case v_window when 'open' then now() - interval '24 hours' when 'closed' then '2004-01-01' end;
        v_until := case v_window when 'open' then 'infinity' when 'closed' then now() - interval '24 hours' else '2004-01-01' end;
    end if;
    return query
    with fit as not materialized (
        select
            c.id,
            lower(c.sender_name) as name_key,
            coalesce(c.last_inbound_at, timestamptz '-infinity') as heard_key,
            c.created_at as added_key
        from public.contacts as c
        where
            c.user_id = p_user_id
            and (v_page is null or c.page_id = v_page)
            and (v_tag is null or c.tags @> array[v_tag])
            and (v_opted_out is null or (v_opted_out and c.opted_out_at is not null) or (not v_opted_out and c.opted_out_at is null))
            and (v_since is null or coalesce(c.last_inbound_at, timestamptz '-infinity') > v_since)
            and (v_until is null or coalesce(c.last_inbound_at, timestamptz '-infinity') <= v_until)
            and (p_among is null or c.id = any(p_among))
            and (v_words is null or public.has_words(c.sender_name, c.sender_id, v_words))
    )

    (
        select f.id
        from fit as f
        where p_order = ''
        limit p_limit
    )
    union all
    (
        select f.id
        from fit as f
        where p_order = 'name' and (v_id is null or (f.name_key, f.id) > (v_name, v_id))
        order by f.name_key, f.id
        limit p_limit
    )
    union all
    (
        select f.id
        from fit as f
        where p_order = '-name' and (v_id is null or (f.name_key, f.id) < (v_name, v_id))
        order by f.name_key desc, f.id desc
        limit p_limit
    )
    union all
    (
        select f.id
        from fit as f
        where p_order = 'heard' and (v_id is null or (f.heard_key, f.id) > (v_at, v_id))
        order by f.heard_key, f.id
        limit p_limit
    )
    union all
    (
        select f.id
        from fit as f
        where p_order = '-heard' and (v_id is null or (f.heard_key, f.id) < (v_at, v_id))
        order by f.heard_key desc, f.id desc
        limit p_limit
    )
    union all
    (
        select f.id
        from fit as f
        where p_order = 'added' and (v_id is null or (f.added_key, f.id) > (v_at, v_id))
        order by f.added_key, f.id
        limit p_limit
    )
    union all
    (
        select f.id
        from fit as f
        where p_order = '-added' and (v_id is null or (f.added_key, f.id) < (v_at, v_id))
        order by f.added_key desc, f.id desc
        limit p_limit
    );
end;
$$;

comment on function public.contacts_that_fit(uuid, jsonb, uuid[], text, jsonb, integer) is
'find_contacts for what an index can put in order, or, without an order, for p_among.';

create or replace function public.find_contacts(
    p_user_id uuid, p_filter jsonb, p_order text, p_after jsonb, p_limit integer
)
returns setof uuid
language plpgsql
stable
rows 100
set search_path = ''
as $$
declare
    v_few constant integer := 10000;
    v_among uuid[] := public.contacts_named(p_user_id, p_filter ->> 'q', v_few + 1);
begin
    -- A name that many have is soon met on the way through the order; one that few have is looked up and then put in order.
    if v_among is null or cardinality(v_among) > v_few then
        return query
        select f.id from public.contacts_that_fit(p_user_id, p_filter, null, p_order, p_after, p_limit) as f (id);
        return;
    end if;
    return query
    with named as materialized (
        select
            c.id,
            case ltrim(p_order, '-') when 'name' then lower(c.sender_name) end as name_key,
            case ltrim(p_order, '-')
                when 'heard' then coalesce(c.last_inbound_at, timestamptz '-infinity')
                when 'added' then c.created_at
            end as moment_key
        from public.contacts_that_fit(p_user_id, p_filter, v_among, '', null, v_few) as f (id)
        inner join public.contacts as c on c.id = f.id
    ),

    placed as materialized (
        select n.id, row_number() over (order by n.name_key, n.moment_key, n.id) as place
        from named as n
        where case
            when p_after is null then true
            when p_order = 'name' then (n.name_key, n.id) > (p_after ->> 0, (p_after ->> 1)::uuid)
            when p_order = '-name' then (n.name_key, n.id) < (p_after ->> 0, (p_after ->> 1)::uuid)
            when p_order in ('heard', 'added') then (n.moment_key, n.id) > ((p_after ->> 0)::timestamptz, (p_after ->> 1)::uuid)
            else (n.moment_key, n.id) < ((p_after ->> 0)::timestamptz, (p_after ->> 1)::uuid)
        end
    )

    select p.id
    from placed as p
    order by case when p_order like '-%' then -p.place else p.place end
    limit p_limit;
end;
$$;

comment on function public.find_contacts(uuid, jsonb, text, jsonb, integer) is
'The ids of a person''s contacts that fit {page, tag, opted: yes|no, window: open|closed|never, q}, in the order name, heard or added (- turns it round, empty has none), after [key, id]. Called by functions that say whose.';

create or replace function public.list_contacts(
    p_filter jsonb default '{}', p_order text default '-heard', p_after jsonb default null, p_limit integer default 50
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    v_most constant integer := 10000;
    v_limit constant integer := least(greatest(coalesce(p_limit, 1), 1), 1000);
begin
    return (
        with page as materialized (
            select f.id, f.place
            from public.find_contacts((select auth.uid()), p_filter, p_order, p_after, v_limit + 1) with ordinality as f (id, place)
        )

        select jsonb_build_object(
            'more', (select count(*) > v_limit from page),
            'contacts', coalesce((
                select jsonb_agg(
                    jsonb_build_object(
                        'id', c.id, 'name', c.sender_name, 'sender_id', c.sender_id, 'page', g.name, 'tags', c.tags,
                        'time_zone', c.time_zone, 'last_inbound_at', c.last_inbound_at, 'last_outbound_at', c.last_outbound_at,
                        'opted_out_at', c.opted_out_at, 'opted_out_by', c.opted_out_by, 'created_at', c.created_at,
                        'key', case ltrim(p_order, '-')
                            when 'name' then lower(c.sender_name)
                            when 'heard' then (to_jsonb(coalesce(c.last_inbound_at, timestamptz '-infinity')) #>> '{}')
                            else (to_jsonb(c.created_at) #>> '{}')
                        end
                    ) order by p.place
                )
                from page as p
                inner join public.contacts as c on c.id = p.id
                inner join public.facebook_pages as g on g.id = c.page_id
                where p.place <= v_limit
            ), '[]'::jsonb)
        ) || case
            when v_limit <= 100 then (
                select jsonb_build_object('total', least(count(*), v_most), 'capped', count(*) > v_most)
                from public.find_contacts((select auth.uid()), p_filter, '', null, v_most + 1)
            )
            else '{}'::jsonb
        end
    );
end;
$$;

comment on function public.list_contacts(jsonb, text, jsonb, integer) is
'One page of the caller''s contacts that fit a filter (see find_contacts), after the [key, id] of the last one seen, and whether there are more; with a page of at most 100 also how many fit, counted up to 10,000.';

revoke execute on function
public.contacts_named(uuid, text, integer),
public.contacts_that_fit(uuid, jsonb, uuid[], text, jsonb, integer), public.find_contacts(uuid, jsonb, text, jsonb, integer), public.list_contacts(jsonb, text, jsonb, integer)
from public, anon, authenticated, service_role;
grant execute on function public.list_contacts(jsonb, text, jsonb, integer) to authenticated;
