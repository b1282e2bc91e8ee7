-- What the form of an automation asks for: a page's tags, and test messages, which a worker writes and nobody is sent
-- (docs/decisions/0016).

create table if not exists public.ai_automation_previews (
    id uuid not null default gen_random_uuid(),
    user_id uuid not null,
    page_id uuid not null,
    contact_id uuid not null,
    rule_id uuid,
    prompt text not null,
    language text not null,
    model text not null,
    max_follow_ups integer not null default 1,
    asked_at timestamptz not null default now(),
    taken_at timestamptz,
    worker text,
    finished_at timestamptz,
    message text,
    ai_model text,
    tokens_in integer,
    tokens_out integer,
    generation_time_ms integer,
    error_message text,
    error_hint text,
    constraint ai_automation_previews_pkey primary key (id),
    constraint ai_automation_previews_page_fkey foreign key (page_id, user_id)
    references public.facebook_pages (id, user_id) on delete cascade,
    constraint ai_automation_previews_contact_fkey foreign key (contact_id, user_id)
    references public.contacts (id, user_id) on delete cascade,
    constraint ai_automation_previews_fit check (
        length(prompt) <= 8000 and length(language) <= 200 and length(model) <= 200
    )
);

create index if not exists ai_automation_previews_page_idx on public.ai_automation_previews (page_id);
create index if not exists ai_automation_previews_contact_idx on public.ai_automation_previews (contact_id);
create index if not exists ai_automation_previews_owner_idx on public.ai_automation_previews (user_id, asked_at desc);
create index if not exists ai_automation_previews_open_idx on public.ai_automation_previews (asked_at) where taken_at is null;
create index if not exists ai_automation_previews_age_idx on public.ai_automation_previews (asked_at);

comment on table public.ai_automation_previews is
'A test message: asked for on the form, written by a worker with the real AI, never sent. Kept for an hour.';
comment on column public.ai_automation_previews.taken_at is 'When a worker took it up. Nobody tries twice: the person asks again.';
comment on column public.ai_automation_previews.error_message is 'Why there is no message, in words for the person.';
comment on column public.ai_automation_previews.id is 'request_preview returns it.';
comment on column public.ai_automation_previews.user_id is 'Who asked; the owner of the page.';
comment on column public.ai_automation_previews.page_id is 'The page of the contact.';
comment on column public.ai_automation_previews.contact_id is 'To whom it would go.';
comment on column public.ai_automation_previews.rule_id is 'The automation on the form; empty for a new one.';
comment on column public.ai_automation_previews.prompt is 'As it stood on the form.';
comment on column public.ai_automation_previews.language is 'As it stood on the form.';
comment on column public.ai_automation_previews.model is 'As it stood on the form.';
comment on column public.ai_automation_previews.max_follow_ups is 'As it stood on the form.';
comment on column public.ai_automation_previews.asked_at is 'When it was asked for; after a minute without a worker it is given up.';
comment on column public.ai_automation_previews.worker is 'Who took it up.';
comment on column public.ai_automation_previews.finished_at is 'When the message or the error was written down.';
comment on column public.ai_automation_previews.message is 'What the AI wrote.';
comment on column public.ai_automation_previews.ai_model is 'The model that wrote it.';
comment on column public.ai_automation_previews.tokens_in is 'Tokens of the prompt.';
comment on column public.ai_automation_previews.tokens_out is 'Tokens of the answer.';
comment on column public.ai_automation_previews.generation_time_ms is 'How long the AI took, in milliseconds.';
comment on column public.ai_automation_previews.error_hint is 'What the person can do about it.';
comment on index public.ai_automation_previews_page_idx is 'Serves the deletion of a page.';
comment on index public.ai_automation_previews_contact_idx is 'Serves the deletion of a contact.';
comment on index public.ai_automation_previews_owner_idx is 'Serves the limit of test messages per person.';
comment on index public.ai_automation_previews_open_idx is 'Serves claim_previews.';
comment on index public.ai_automation_previews_age_idx is 'Serves forget_previews.';

alter table public.ai_automation_previews enable row level security;
revoke all on public.ai_automation_previews from public, anon, authenticated, service_role;
grant select on public.ai_automation_previews to authenticated;
grant select, insert, update, delete on public.ai_automation_previews to service_role;

drop policy if exists "owners see their test messages" on public.ai_automation_previews;
create policy "owners see their test messages" on public.ai_automation_previews
for select to authenticated using (user_id = (select auth.uid()));

create or replace function public.request_preview(p_contact_id uuid, p_rule jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_contact public.contacts;
    v_id uuid;
begin
    select c.* into v_contact from public.contacts as c where c.id = p_contact_id and c.user_id = (select auth.uid());
    if not found then
        raise exception 'This contact does not exist.' using errcode = 'PT404';
    end if;
    if v_contact.opted_out_at is not null then
        raise exception 'This contact asked not to be written to.' using errcode = 'P0001', hint = 'Choose another one.';
    end if;
    if length(p_rule ->> 'prompt') > 8000 or length(p_rule ->> 'language') > 200 or length(p_rule ->> 'model') > 200 then
        raise exception 'The prompt, the language or the model is too long.' using errcode = '22023';
    end if;
    if (
        select count(*) from public.ai_automation_previews as v
        where v.user_id = v_contact.user_id and v.asked_at > now() - interval '10 minutes'
    ) >= 20 then
        raise exception '20 test messages in ten minutes are the limit.' using errcode = 'P0001', hint = 'Wait a few minutes.';
    end if;
    insert into public.ai_automation_previews (user_id, page_id, contact_id, rule_id, prompt, language, model, max_follow_ups)
    values (
        v_contact.user_id, v_contact.page_id, v_contact.id,
        (select r.id from public.ai_automation_rules as r where r.id = (p_rule ->> 'id')::uuid and r.user_id = v_contact.user_id and r.deleted_at is null),
        coalesce(p_rule ->> 'prompt', ''), coalesce(p_rule ->> 'language', ''), coalesce(p_rule ->> 'model', ''), coalesce((p_rule ->> 'max_follow_ups')::int, 1)
    )
    returning id into v_id;
    insert into public.ai_automation_audit (user_id, rule_id, page_id, action, affected)
    select v.user_id, v.rule_id, v.page_id, 'request_preview', 1
    from public.ai_automation_previews as v
    where v.id = v_id;
    return jsonb_build_object('id', v_id);
end;
$$;

comment on function public.request_preview(uuid, jsonb) is
'Asks a worker to write what these settings (prompt, language, model) would say to one contact of the caller; the answer comes in ai_automation_previews. Nothing is sent.';

create or replace function public.claim_previews(p_worker text, p_limit integer)
returns table (
    preview_id uuid, rule_id uuid, prompt text, language text, model text, contact_name text, page_name text,
    follow_up_count integer, max_follow_ups integer, history jsonb
)
language plpgsql
set search_path = ''
as $$
declare
    v_ids uuid[];
begin
    select array_agg(open.id) into v_ids
    from (
        select v.id
        from public.ai_automation_previews as v
        where v.taken_at is null and v.asked_at > now() - interval '1 minute'
        order by v.asked_at
        limit p_limit
        for update skip locked
    ) as open;
    if v_ids is null then
        return;
    end if;
    update public.ai_automation_previews as v set taken_at = now(), worker = p_worker where v.id = any(v_ids);
    return query
    select
        v.id, v.rule_id, v.prompt, v.language, v.model, c.sender_name, p.name,
        coalesce(s.follow_up_count, 0), v.max_follow_ups, coalesce(h.said, '[]'::jsonb)
    from public.ai_automation_previews as v
    inner join public.contacts as c on c.id = v.contact_id
    inner join public.facebook_pages as p on p.id = v.page_id
    left join public.ai_automation_contact_states as s
        on s.rule_id = v.rule_id and s.contact_id = v.contact_id and s.user_id = v.user_id
    left join lateral (
        select jsonb_agg(jsonb_build_object('by', case m.direction when 'in' then 'contact' else 'page' end, 'text', m.body, 'at', m.said_at) order by m.said_at) as said
        from (
            select n.direction, n.body, n.said_at
            from public.contact_messages as n
            where n.contact_id = c.id
            order by n.said_at desc
            limit 20
        ) as m
    ) as h on true
    where v.id = any(v_ids);
end;
$$;

comment on function public.claim_previews(text, integer) is
'Hands test messages that wait to one worker, each once; one that waited for more than a minute is given up.';

create or replace function public.finish_preview(p_id uuid, p_worker text, p_result jsonb)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
    update public.ai_automation_previews as v
    set
        finished_at = now(),
        message = p_result ->> 'generated_message',
        ai_model = p_result ->> 'ai_model',
        tokens_in = (p_result ->> 'tokens_in')::int,
        tokens_out = (p_result ->> 'tokens_out')::int,
        generation_time_ms = (p_result ->> 'generation_time_ms')::int,
        error_message = p_result ->> 'error_message',
        error_hint = p_result ->> 'error_hint'
    where v.id = p_id and v.worker = p_worker and v.finished_at is null;
    return found;
end;
$$;

comment on function public.finish_preview(uuid, text, jsonb) is
'Writes down what became of a test message; false when this worker does not hold it any more.';

create or replace function public.forget_previews()
returns integer
language plpgsql
set search_path = ''
as $$
declare
    v_gone integer;
begin
    delete from public.ai_automation_previews as v where v.asked_at < now() - interval '1 hour';
    get diagnostics v_gone = row_count;
    return v_gone;
end;
$$;

comment on function public.forget_previews() is 'Called by maintain: test messages are gone after an hour.';

create or replace function public.page_tags(p_page_id uuid)
returns table (tag text, contacts bigint)
language sql
stable
set search_path = ''
as $$
    select t.tag, count(*) as contacts
    from public.contacts as c
    cross join unnest(c.tags) as t (tag)
    where c.page_id = p_page_id
    group by t.tag
    order by count(*) desc, t.tag
    limit 200;
$$;

comment on function public.page_tags(uuid) is 'The tags of the page''s contacts with how many have each, the most used first, 200 at most.';

revoke execute on function
public.request_preview(uuid, jsonb), public.claim_previews(text, integer), public.finish_preview(uuid, text, jsonb),
public.forget_previews(), public.page_tags(uuid)
from public, anon, authenticated, service_role;
grant execute on function public.request_preview(uuid, jsonb), public.page_tags(uuid) to authenticated;
grant execute on function
public.claim_previews(text, integer), public.finish_preview(uuid, text, jsonb), public.forget_previews()
to service_role;
