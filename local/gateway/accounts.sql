-- name: user_by_email
select *
from auth.users
where email = %(email)s and aud = 'authenticated' and not is_sso_user and deleted_at is null;

-- name: user_by_id
select *
from auth.users
where id = %(id)s and deleted_at is null;

-- name: users
select *
from auth.users
where deleted_at is null and aud = 'authenticated'
order by created_at desc, id
limit %(limit)s offset %(offset)s;

-- name: count_users
select count(*) as total
from auth.users
where deleted_at is null and aud = 'authenticated';

-- name: identities
select id as identity_id, provider_id as id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at, email
from auth.identities
where user_id = any(%(users)s)
order by created_at, id;

-- name: add_user
insert into auth.users (
    instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, raw_app_meta_data, raw_user_meta_data, created_at, updated_at
)
values (
    '00000000-0000-0000-0000-000000000000', %(id)s, 'authenticated', 'authenticated', %(email)s, %(password)s,
    case when %(confirmed)s then now() end, %(app_metadata)s::jsonb, %(user_metadata)s::jsonb, now(), now()
)
returning *;

-- name: add_identity
insert into auth.identities (provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
values (%(id)s::text, %(id)s::uuid, %(data)s::jsonb, 'email', now(), now(), now());

-- name: update_user
-- What is set to null is taken out.
update auth.users
set
    encrypted_password = coalesce(%(password)s, encrypted_password),
    email_confirmed_at = case when %(confirmed)s then now() else email_confirmed_at end,
    raw_app_meta_data = (coalesce(raw_app_meta_data, '{}') || %(app_metadata)s::jsonb)
        - array(select key from jsonb_each(%(app_metadata)s::jsonb) where value = 'null'),
    raw_user_meta_data = (coalesce(raw_user_meta_data, '{}') || %(user_metadata)s::jsonb)
        - array(select key from jsonb_each(%(user_metadata)s::jsonb) where value = 'null'),
    updated_at = now()
where id = %(id)s
returning *;

-- name: delete_user
delete from auth.users
where id = %(id)s;

-- name: add_session
insert into auth.sessions (id, user_id, created_at, updated_at, aal)
values (%(session)s, %(user)s, now(), now(), 'aal1')
returning id, user_id, created_at;

-- name: signed_in
update auth.users
set last_sign_in_at = now()
where id = %(id)s
returning *;

-- name: session
select id
from auth.sessions
where id = %(session)s;

-- name: lock_session
select id, user_id, created_at
from auth.sessions
where id = (select session_id from auth.refresh_tokens where token = %(token)s)
for update;

-- name: session_refreshed
update auth.sessions
set refreshed_at = now() at time zone 'utc', updated_at = now()
where id = %(session)s;

-- name: delete_session
delete from auth.sessions
where id = %(session)s;

-- name: delete_sessions
delete from auth.sessions
where user_id = %(user)s and id is distinct from %(except)s::uuid;

-- name: add_refresh_token
insert into auth.refresh_tokens (token, user_id, revoked, created_at, updated_at, parent, session_id)
values (%(token)s, %(user)s, false, now(), now(), %(parent)s, %(session)s);

-- name: refresh_token
select id, token, revoked, extract(epoch from clock_timestamp() - updated_at) as age
from auth.refresh_tokens
where token = %(token)s;

-- name: newest_token
select token, parent
from auth.refresh_tokens
where session_id = %(session)s and not revoked
order by id desc
limit 1;

-- name: use_token
update auth.refresh_tokens
set revoked = true, updated_at = now()
where id = %(id)s;

-- name: void_tokens
update auth.refresh_tokens
set revoked = true, updated_at = now()
where session_id = %(session)s and not revoked;
