-- What a person does to a page: connect it, pause it, try it now, set its rate, have it read, disconnect it.

create or replace function public.own_page(p_page_id uuid)
returns public.facebook_pages
language plpgsql
set search_path = ''
as $$
declare
    v_page public.facebook_pages;
begin
    select p.* into v_page
    from public.facebook_pages as p
    where p.id = p_page_id and p.user_id = (select auth.uid())
    for no key update;
    if not found then
        raise exception 'This page does not exist.' using errcode = 'PT404';
    end if;
    return v_page;
end;
$$;

comment on function public.own_page(uuid) is 'The caller''s page, held until the transaction ends; called by the functions that change it.';

create or replace function public.own_connected_page(p_page_id uuid)
returns public.facebook_pages
language plpgsql
set search_path = ''
as $$
declare
    v_page public.facebook_pages := public.own_page(p_page_id);
begin
    if v_page.disconnected_at is not null then
        raise exception 'This page is disconnected.' using errcode = 'P0001', hint = 'Connect it again first.';
    end if;
    return v_page;
end;
$$;

comment on function public.own_connected_page(uuid) is 'own_page, for what a disconnected page cannot do.';

-- Token, status and reading begin anew together; called where it has been checked whose page it is.
create or replace function public.keep_page_token(p_page_id uuid, p_user_id uuid, p_encrypted_token text)
returns void
language sql
set search_path = ''
as $$
    -- The page first: it is the lock that claims share, so no message takes the token of before once this time is stamped.
    update public.facebook_pages as p
    set
        status = 'active', setbacks = 0, setback_at = clock_timestamp(), updated_at = now(),
        -- What people wrote meanwhile stands in its conversations only. Where they cannot be read it goes on all the same.
        status_reason = case when p.disconnected_at is not null then 'It reads first what people wrote while it was disconnected' end,
        paused_until = case when p.disconnected_at is not null then now() + interval '10 minutes' end,
        catches_up_until = case when p.disconnected_at is not null then now() + interval '10 minutes' end,
        disconnected_at = null, subscribed_at = null, subscribe_error = null, proven_at = null
    where p.id = p_page_id;

    insert into public.facebook_page_secrets as k (page_id, user_id, encrypted_token, updated_at)
    values (p_page_id, p_user_id, p_encrypted_token, clock_timestamp())
    on conflict (page_id) do update set encrypted_token = excluded.encrypted_token, updated_at = excluded.updated_at;

    insert into public.facebook_page_syncs as s (page_id, user_id, requested_at)
    values (p_page_id, p_user_id, now())
    on conflict (page_id) do update
        set
            requested_at = now(), not_before_at = null, failures = 0, error_code = null, error_message = null,
            error_hint = null, error_at = null;
$$;

comment on function public.keep_page_token(uuid, uuid, text) is
'Stores a sealed token, lets the page send again and has its conversations read. Called by save_page_token and connect_page, which know whose page it is.';

create or replace function public.save_page_token(p_page_id uuid, p_encrypted_token text)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_page public.facebook_pages := public.own_page(p_page_id);
begin
    perform public.keep_page_token(p_page_id, v_page.user_id, p_encrypted_token);
    insert into public.ai_automation_audit (user_id, page_id, action) values (v_page.user_id, p_page_id, 'renew_page_token');
end;
$$;

comment on function public.save_page_token(uuid, text) is 'Stores a token that the app has already encrypted, and lets the page send again.';

create or replace function public.connect_page(p_facebook_page_id text, p_name text, p_encrypted_token text)
returns uuid
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_user_id uuid := (select auth.uid());
    v_page public.facebook_pages;
    v_action text;
begin
    select p.* into v_page
    from public.facebook_pages as p
    where p.user_id = v_user_id and p.facebook_page_id = p_facebook_page_id
    for no key update;
    v_action := case
        when v_page.id is null then 'connect_page' when v_page.disconnected_at is not null then 'reconnect_page'
        else 'renew_page_token'
    end;
    if v_page.id is null then
        insert into public.facebook_pages (user_id, facebook_page_id, name)
        values (v_user_id, p_facebook_page_id, left(coalesce(nullif(btrim(p_name), ''), p_facebook_page_id), 200))
        returning * into v_page;
    end if;
    perform public.keep_page_token(v_page.id, v_user_id, p_encrypted_token);
    insert into public.ai_automation_audit (user_id, page_id, action) values (v_user_id, v_page.id, v_action);
    return v_page.id;
end;
$$;

comment on function public.connect_page(text, text, text) is
'Connects a page whose token the app has checked and encrypted; one the caller had disconnected is taken up again with everything it had, one that is connected gets the new token. Returns its id.';

create or replace function public.set_page_paused(p_page_id uuid, p_paused boolean)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_page public.facebook_pages := public.own_connected_page(p_page_id);
begin
    if (v_page.paused_at is not null) is distinct from p_paused then
        update public.facebook_pages as p set paused_at = case when p_paused then now() end where p.id = p_page_id;
        insert into public.ai_automation_audit (user_id, page_id, action)
        values (v_page.user_id, p_page_id, case when p_paused then 'pause_page' else 'resume_page' end);
    end if;
end;
$$;

comment on function public.set_page_paused(uuid, boolean) is
'A person pauses or resumes a page. What Facebook decided stays as it is: see try_page_now.';

create or replace function public.try_page_now(p_page_id uuid)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_page public.facebook_pages := public.own_connected_page(p_page_id);
begin
    update public.facebook_pages as p
    set
        paused_until = case when p.paused_until = p.catches_up_until then p.paused_until when p.status <> 'active' then now() end,
        -- What made it slow down is forgotten; the next answer says anew how much is used.
        usage_percent = least(p.usage_percent, 74)
    where p.id = p_page_id;
    update public.facebook_page_syncs as s set not_before_at = null where s.page_id = p_page_id;
    insert into public.ai_automation_audit (user_id, page_id, action) values (v_page.user_id, p_page_id, 'try_page');
end;
$$;

comment on function public.try_page_now(uuid) is
'A person does not wait for the end of Facebook''s pause: the page sends again, one that was stopped tries one message. A person''s own pause stays, and so does the one for catching up.';

create or replace function public.set_page_rate(p_page_id uuid, p_sends_per_minute integer)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_page public.facebook_pages := public.own_page(p_page_id);
begin
    if p_sends_per_minute is null or p_sends_per_minute not between 1 and 2400 then
        raise exception 'A page sends from 1 to 2,400 messages a minute.' using errcode = '22023';
    end if;
    update public.facebook_pages as p set sends_per_minute = p_sends_per_minute where p.id = p_page_id;
    insert into public.ai_automation_audit (user_id, page_id, action, affected)
    values (v_page.user_id, p_page_id, 'set_page_rate', p_sends_per_minute);
end;
$$;

comment on function public.set_page_rate(uuid, integer) is 'How many messages of the page go out in any 60 seconds; in the audit the number stands as affected.';

create or replace function public.disconnect_page(p_page_id uuid)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_page public.facebook_pages := public.own_page(p_page_id);
begin
    if v_page.disconnected_at is not null then
        return;
    end if;
    delete from public.facebook_page_secrets as k where k.page_id = p_page_id;
    -- Where reading stands is kept; who reads just now holds nothing any more.
    update public.facebook_page_syncs as s
    set
        lease_owner = null, lease_token = null, lease_expires_at = null, error_code = null, error_message = null,
        error_hint = null, error_at = null
    where s.page_id = p_page_id;
    update public.facebook_pages as p
    set
        -- A person's pause outlives it: only a person ends that.
        disconnected_at = now(), status = 'active', status_reason = null, paused_until = null, catches_up_until = null, setbacks = 0,
        subscribed_at = null, subscribe_error = null, proven_at = null
    where p.id = p_page_id;
    insert into public.ai_automation_audit (user_id, page_id, action) values (v_page.user_id, p_page_id, 'disconnect_page');
end;
$$;

comment on function public.disconnect_page(uuid) is
'Deletes the page''s token: its automations stand still with that reason. Contacts, conversations, history and a person''s pause stay, and connect_page goes on with them.';

create or replace function public.request_sync(p_page_id uuid)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    v_page public.facebook_pages := public.own_connected_page(p_page_id);
begin
    if v_page.status = 'token_invalid' then
        raise exception 'Facebook refuses the page''s access.' using errcode = 'P0001', hint = 'Give it a new token first.';
    end if;
    insert into public.facebook_page_syncs as s (page_id, user_id, requested_at) values (p_page_id, v_page.user_id, now())
    on conflict (page_id) do update set requested_at = now(), not_before_at = null;
    insert into public.ai_automation_audit (user_id, page_id, action) values (v_page.user_id, p_page_id, 'sync_page');
end;
$$;

comment on function public.request_sync(uuid) is 'Has the page''s conversations read now, and Facebook asked again to tell of its messages if it does not.';

create or replace function public.note_subscription(p_page_id uuid, p_error text)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform public.own_page(p_page_id);
    update public.facebook_pages as p
    set
        subscribed_at = case when p_error is null then now() end,
        subscribe_error = left(p_error, 500)
    where p.id = p_page_id and p.disconnected_at is null;
end;
$$;

comment on function public.note_subscription(uuid, text) is
'What Facebook said when the app asked to be told of the page''s messages: null when it agreed.';

create or replace function public.refuse_held_page(p_page_id uuid)
returns void
language plpgsql
stable
set search_path = ''
as $$
declare
    v_page public.facebook_pages;
begin
    select p.* into v_page from public.facebook_pages as p where p.id = p_page_id;
    if v_page.disconnected_at is not null then
        raise exception 'The page of this automation is disconnected.' using errcode = 'P0001', hint = 'Connect it again under Pages.';
    end if;
    if v_page.paused_at is not null then
        raise exception 'The page of this automation is paused.' using errcode = 'P0001', hint = 'Resume it under Pages first.';
    end if;
end;
$$;

comment on function public.refuse_held_page(uuid) is 'Raises for a page that a person has paused or disconnected: nothing is started for it.';

revoke execute on function
public.keep_page_token(uuid, uuid, text), public.connect_page(text, text, text), public.own_page(uuid), public.own_connected_page(uuid),
public.set_page_paused(uuid, boolean), public.try_page_now(uuid), public.set_page_rate(uuid, integer),
public.disconnect_page(uuid), public.request_sync(uuid), public.note_subscription(uuid, text),
public.refuse_held_page(uuid)
from public, anon, authenticated, service_role;
grant execute on function
public.connect_page(text, text, text), public.set_page_paused(uuid, boolean), public.try_page_now(uuid),
public.set_page_rate(uuid, integer), public.disconnect_page(uuid), public.request_sync(uuid),
public.note_subscription(uuid, text), public.refuse_held_page(uuid)
to authenticated;
