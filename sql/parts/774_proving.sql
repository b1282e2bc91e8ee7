-- Whose a page is: Facebook says it of the stored token, never the person who typed the page's id. And whether Facebook tells
-- of its messages.

create or replace function public.prove_page(p_page_id uuid, p_lease_token uuid, p_encrypted_token text)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
    update public.facebook_pages as p
    set proven_at = now()
    from public.facebook_page_syncs as s
    inner join public.facebook_page_secrets as k on k.page_id = s.page_id
    where
        p.id = p_page_id and s.page_id = p.id and s.lease_token = p_lease_token and k.encrypted_token = p_encrypted_token
        and p.disconnected_at is null;
    if not found then
        return false;
    end if;
    -- What was told of it meanwhile has waited.
    update public.facebook_events as e
    set due_at = now(), problem = null
    from public.facebook_pages as p
    where p.id = p_page_id and e.facebook_page_id = p.facebook_page_id and e.done_at is null and e.problem = 'unproven_page';
    return true;
end;
$$;

comment on function public.prove_page(uuid, uuid, text) is
'The worker that reads the page says that Facebook knows the stored token as this page''s own; from now on its events are heard. False when the lease or the token is another one meanwhile.';

create or replace function public.note_page_subscription(p_page_id uuid, p_lease_token uuid, p_error text)
returns void
language sql
set search_path = ''
as $$
    update public.facebook_pages as p
    set subscribed_at = case when p_error is null then now() end, subscribe_error = left(p_error, 500)
    from public.facebook_page_syncs as s
    where p.id = p_page_id and s.page_id = p.id and s.lease_token = p_lease_token and p.disconnected_at is null;
$$;

comment on function public.note_page_subscription(uuid, uuid, text) is
'What Facebook said when the worker that reads the page asked to be told of its messages: null when it agreed.';

revoke execute on function public.prove_page(uuid, uuid, text), public.note_page_subscription(uuid, uuid, text)
from public, anon, authenticated, service_role;
grant execute on function public.prove_page(uuid, uuid, text), public.note_page_subscription(uuid, uuid, text) to service_role;
