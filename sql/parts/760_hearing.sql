-- What is said between a page and its contacts, told by the webhook or read from the conversations: the same function for
-- both, so that neither minds what the other has told already.

-- Until version 2 only the contact could opt out.
update public.contacts as c
set opted_out_by = 'contact', opt_word_at = greatest(c.opt_word_at, c.opted_out_at)
where c.opted_out_at is not null and c.opted_out_by is null;

create or replace function public.messages_told(p_messages jsonb)
returns table (sender_id text, sender_name text, time_zone text, direction text, mid text, body text, said_at timestamptz, attempt_id uuid)
language sql
stable
set search_path = ''
as $$
    select
        btrim(e.value ->> 'sender_id'),
        left(btrim(coalesce(e.value ->> 'sender_name', '')), 300),
        e.value ->> 'time_zone',
        e.value ->> 'direction',
        nullif(left(btrim(e.value ->> 'mid'), 200), ''),
        left(coalesce(e.value ->> 'text', ''), 20000),
        -- Facebook's clock may run before ours; nobody said anything later than now.
        least(m.said_at, now()),
        case
            when e.value ->> 'metadata' ~ '^stagelight:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                then substr(e.value ->> 'metadata', 12)::uuid
        end
    from jsonb_array_elements(p_messages) as e
    cross join lateral (select public.moment_or_null(e.value ->> 'said_at') as said_at) as m
    where
        jsonb_typeof(e.value -> 'sender_id') = 'string' and length(btrim(e.value ->> 'sender_id')) between 1 and 200
        and e.value ->> 'direction' in ('in', 'out')
        and isfinite(m.said_at) and m.said_at >= timestamptz '2004-01-01 00:00:00+00';
$$;

comment on function public.messages_told(jsonb) is 'The elements of hear_messages that can be understood, cut to what is stored.';

create or replace function public.hear_messages(p_page_id uuid, p_messages jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_page public.facebook_pages;
    v_told jsonb;
    v_ids uuid[];
    v_new_contacts integer;
    v_kept_out integer;
    v_settled integer := 0;
    v_in_hand jsonb := '[]';
    v_stored integer;
    v_opted_out integer;
    v_opted_in integer;
    v_ended integer;
    v_zones_named boolean;
begin
    select p.* into v_page from public.facebook_pages as p where p.id = p_page_id;
    if not found then
        raise exception 'This page does not exist.' using errcode = 'PT404';
    end if;
    if jsonb_typeof(p_messages) is distinct from 'array' or jsonb_array_length(p_messages) > 1000 then
        raise exception 'Messages come as a list of at most 1000.' using errcode = '22023';
    end if;

    -- Whoever is forgotten this moment is forgotten before or after this; see resolve_deletion.
    perform pg_advisory_xact_lock_shared(20261122, 102);
    with heard as materialized (
        select m.*, t.said_stop, t.deleted_at, t.person_hash
        from public.messages_told(p_messages) as m
        left join public.contact_tombstones as t
            on t.user_id = v_page.user_id and t.person_hash = public.person_hash(v_page.facebook_page_id, m.sender_id)
    ),

    -- A STOP outlives its sender's deletion, also one that is heard after it.
    word as materialized (
        select distinct on (h.sender_id) h.sender_id, h.person_hash, h.said_at, w.word = 'stop' as is_stop
        from heard as h
        cross join lateral (select public.opt_word(h.body) as word) as w
        where h.said_at <= h.deleted_at and h.direction = 'in' and w.word is not null
        order by h.sender_id, h.said_at desc, w.word desc
    ),

    remembered as (
        update public.contact_tombstones as t
        set said_stop = true
        from word as w
        where t.user_id = v_page.user_id and t.person_hash = w.person_hash and w.is_stop and not t.said_stop
    ),

    -- What else a person who was deleted said before that stays unknown, whoever tells it; they come back by writing again.
    told as materialized (
        select
            h.sender_id, h.sender_name, h.time_zone, h.direction, h.mid, h.body, h.said_at, h.attempt_id,
            h.said_stop or coalesce(w.is_stop, false) as said_stop, h.deleted_at
        from heard as h
        left join word as w on w.sender_id = h.sender_id
        where h.deleted_at is null or h.said_at > h.deleted_at
        union all
        select w.sender_id, '', null, 'in', null, 'STOP', w.said_at, null, true, w.said_at
        from word as w
        where w.is_stop and exists (select 1 from public.contacts as c where c.page_id = v_page.id and c.sender_id = w.sender_id)
    ),

    added as (
        insert into public.contacts (user_id, page_id, sender_id, sender_name, opted_out_at, opted_out_by, opt_word_at)
        select
            v_page.user_id, v_page.id, m.sender_id, max(m.sender_name),
            max(m.deleted_at) filter (where m.said_stop), max('contact'::text) filter (where m.said_stop), max(m.deleted_at) filter (where m.said_stop)
        from told as m
        where not exists (select 1 from public.contacts as c where c.page_id = v_page.id and c.sender_id = m.sender_id)
        group by m.sender_id
        having bool_or(m.direction = 'in' or m.deleted_at is null)
        order by m.sender_id
        on conflict do nothing
        returning id
    )

    select
        (select count(*) from added), coalesce(jsonb_agg(to_jsonb(m)), '[]'),
        (select count(*) from public.messages_told(p_messages)) - count(*)
    into v_new_contacts, v_told, v_kept_out
    from told as m;

    -- States before contacts, as a worker that records takes them.
    v_ids := array(
        select c.id
        from public.contacts as c
        where c.page_id = v_page.id and c.sender_id in (select m ->> 'sender_id' from jsonb_array_elements(v_told) as m)
        order by c.id
    );
    perform 1 from public.ai_automation_contact_states as s where s.contact_id = any(v_ids) order by s.id for no key update;
    perform 1 from public.contacts as c where c.id = any(v_ids) order by c.id for no key update;

    if jsonb_path_exists(v_told, '$[*] ? (@.direction == "out" && @.attempt_id != null)') then
        select count(*) filter (where e.settled), coalesce(jsonb_agg(e.mid) filter (where e.in_hand), '[]')
        into v_settled, v_in_hand
        from public.settle_by_echoes(v_page.id, v_told) as e;
    end if;

    if jsonb_path_exists(p_messages, '$[*] ? (@.metadata starts with "stagelight-answer:")') then
        perform public.confirmations_arrived(v_page.facebook_page_id, p_messages);
    end if;

    insert into public.contact_messages (user_id, contact_id, direction, body, facebook_message_id, said_at)
    select c.user_id, c.id, m.direction, m.body, m.mid, m.said_at
    from jsonb_to_recordset(v_told) as m (sender_id text, direction text, body text, mid text, said_at timestamptz)
    inner join public.contacts as c on c.page_id = v_page.id and c.sender_id = m.sender_id
    where m.mid is not null
    order by c.id, m.said_at
    on conflict do nothing;
    get diagnostics v_stored = row_count;

    v_zones_named := jsonb_path_exists(v_told, '$[*] ? (@.time_zone != null)');
    with word as materialized (
        -- In one moment STOP is the one that counts.
        select distinct on (m.sender_id) m.sender_id, m.said_at, w.word
        from jsonb_to_recordset(v_told) as m (sender_id text, direction text, body text, said_at timestamptz)
        cross join lateral (select public.opt_word(m.body) as word) as w
        where m.direction = 'in' and w.word is not null
        order by m.sender_id, m.said_at desc, w.word desc
    ),

    person as materialized (
        select
            c.id, c.opted_out_at is not null as was_out,
            max(m.sender_name) as sender_name,
            max(z.name) as time_zone,
            max(m.said_at) filter (where m.direction = 'in') as wrote_at,
            max(m.said_at) filter (where m.direction = 'out') as written_to_at,
            -- Nobody takes back what they said later, however it came to be known.
            case
                when w.word = 'stop' and w.said_at >= coalesce(c.opt_word_at, '-infinity') then w.word
                when
                    w.said_at > coalesce(
                        greatest(c.opt_word_at, case when c.opted_out_by is distinct from 'owner' then c.opted_out_at end), '-infinity'
                    )
                    then w.word
            end as word,
            w.said_at as word_at
        from jsonb_to_recordset(v_told) as m (sender_id text, sender_name text, time_zone text, direction text, said_at timestamptz)
        inner join public.contacts as c on c.page_id = v_page.id and c.sender_id = m.sender_id
        left join word as w on w.sender_id = m.sender_id
        -- PostgreSQL reads hundreds of files for its list of zones, and Facebook's webhook names none.
        left join (select n.name from pg_catalog.pg_timezone_names as n where v_zones_named) as z on z.name = m.time_zone and c.time_zone is null
        group by c.id, w.word, w.said_at
    ),

    changed as (
        update public.contacts as c
        set
            sender_name = coalesce(nullif(c.sender_name, ''), n.sender_name),
            time_zone = coalesce(c.time_zone, n.time_zone),
            last_inbound_at = greatest(c.last_inbound_at, n.wrote_at),
            last_outbound_at = greatest(c.last_outbound_at, n.written_to_at),
            opted_out_at = case
                when n.word = 'stop' then coalesce(c.opted_out_at, n.word_at)
                when n.word = 'start' and c.opted_out_by is distinct from 'owner' then c.owner_opted_out_at
                else c.opted_out_at
            end,
            opted_out_by = case
                when n.word = 'stop' then 'contact'
                when n.word = 'start' and c.opted_out_by is distinct from 'owner'
                    then case when c.owner_opted_out_at is not null then 'owner' end
                else c.opted_out_by
            end,
            owner_opted_out_at = case
                when n.word = 'stop' and c.opted_out_by = 'owner' then c.opted_out_at
                when n.word = 'start' then null
                else c.owner_opted_out_at
            end,
            opt_word_at = case when n.word is not null then n.word_at else c.opt_word_at end
        from person as n
        where
            c.id = n.id
            -- Most of what a sync reads is known; then nothing is written.
            and (
                n.word is not null or n.wrote_at > c.last_inbound_at or n.written_to_at > c.last_outbound_at
                or (n.wrote_at is not null and c.last_inbound_at is null) or (n.written_to_at is not null and c.last_outbound_at is null)
                or (c.sender_name = '' and n.sender_name <> '') or (c.time_zone is null and n.time_zone is not null)
            )
        returning c.id, c.user_id, n.was_out, c.opted_out_at is not null as is_out, n.word, n.word_at
    ),

    -- What is read of an old conversation is not answered.
    confirmed as (
        insert into public.opt_confirmations (user_id, contact_id, word, said_at)
        select k.user_id, k.id, k.word, k.word_at
        from changed as k
        where k.was_out <> k.is_out and k.word is not null and k.word_at > now() - interval '5 minutes'
        on conflict do nothing
    )

    select count(*) filter (where k.is_out and not k.was_out), count(*) filter (where k.was_out and not k.is_out)
    into v_opted_out, v_opted_in
    from changed as k;

    v_ended := public.end_sequences_of(v_ids);
    -- Who is in a worker's hands this moment is ended when the step is over: whoever told this is to tell it again.
    select v_in_hand || coalesce(jsonb_agg(m.mid), '[]') into v_in_hand
    from jsonb_to_recordset(v_told) as m (sender_id text, direction text, mid text, said_at timestamptz)
    inner join public.contacts as c on c.page_id = v_page.id and c.sender_id = m.sender_id
    where
        m.direction = 'in' and m.mid is not null
        and exists (
            select 1
            from public.ai_automation_contact_states as s
            where
                s.contact_id = c.id and s.current_stage in ('checking', 'generating', 'sending')
                and m.said_at > case when s.last_sent_at is null then s.queued_at else least(s.sequence_began_at, s.last_sent_at) end
        );

    return jsonb_build_object(
        'stored', v_stored, 'contacts', v_new_contacts, 'kept_out', v_kept_out,
        'refused', jsonb_array_length(p_messages) - jsonb_array_length(v_told) - v_kept_out,
        'settled', v_settled, 'in_hand', v_in_hand, 'opted_out', v_opted_out, 'opted_in', v_opted_in,
        'ended', v_ended
    );
end;
$$;

comment on function public.hear_messages(uuid, jsonb) is
'Up to 1000 messages of one page, in any order and as often as one likes ([{sender_id, sender_name, time_zone, direction in|out, mid, text, said_at, metadata}]; without mid it is an action that is no message). Times only move forward, a known mid is stored once, the newest STOP or START decides, replies end sequences, and metadata that names a try settles it; in_hand lists the mids of tries whose worker still waits for the answer, and of replies to whom a worker is at work: tell those again. Who was deleted stays out until they write again.';

revoke execute on function
public.person_hash(text, text), public.bare_word(text), public.opt_word(text), public.messages_told(jsonb), public.hear_messages(uuid, jsonb)
from public, anon, authenticated, service_role;
grant execute on function
public.person_hash(text, text), public.bare_word(text), public.opt_word(text), public.messages_told(jsonb), public.hear_messages(uuid, jsonb)
to service_role;
