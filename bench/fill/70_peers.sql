-- What the peers write to: the same two tables for all of them, one round trip and one commit for a move.

create schema bench;

create table bench.contact_states (
    contact_id bigint primary key,
    current_stage text not null default 'queued',
    seq smallint not null default 0,
    stage_entered_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create table bench.transitions (
    contact_id bigint not null,
    seq smallint not null,
    to_stage text not null,
    at timestamptz not null default clock_timestamp(),
    primary key (contact_id, seq)
);

create function bench.record_step(p_contact bigint, p_to text)
returns void
language sql
as $$
    with u as (
        update bench.contact_states
        set current_stage = p_to, seq = seq + 1, stage_entered_at = clock_timestamp(), updated_at = clock_timestamp()
        where contact_id = p_contact
        returning contact_id, seq
    )

    insert into bench.transitions (contact_id, seq, to_stage)
    select u.contact_id, u.seq, p_to from u;
$$;
