-- name: relations
select
    n.nspname,
    c.relname,
    -- A domain over tsvector has its output function; text search must know it for what it is.
    coalesce(json_object_agg(a.attname, case
        when t.typoutput = 'tsvectorout'::regproc then 'tsvector' else format_type(a.atttypid, a.atttypmod)
    end order by a.attnum) filter (where a.attname is not null), '{}'),
    coalesce((
        select array_agg(k.attname::text order by i.ord)
        from pg_index as x
        cross join unnest(x.indkey) with ordinality as i (num, ord)
        inner join pg_attribute as k on k.attrelid = c.oid and k.attnum = i.num
        where x.indrelid = c.oid and x.indisprimary
    ), '{}'),
    coalesce(
        json_object_agg(a.attname, coalesce(
            pg_get_expr(d.adbin, d.adrelid),
            (
                select 'nextval(' || quote_literal(format('%%I.%%I', sn.nspname, s.relname)) || ')'
                from pg_depend as o
                inner join pg_class as s on s.oid = o.objid and s.relkind = 'S'
                inner join pg_namespace as sn on sn.oid = s.relnamespace
                where o.refobjid = c.oid and o.refobjsubid = a.attnum and o.deptype = 'i'
            ),
            pg_get_expr(t.typdefaultbin, 0)
        )) filter (where a.attgenerated = '' and (d.oid is not null or a.attidentity = 'd' or t.typdefaultbin is not null)), '{}'
    ),
    -- A domain with a cast to JSON is shown as that cast says ("data representations"), and a table with an
    -- aggregate that gives JSON, or anything, is shown as the aggregate says.
    coalesce(bool_or(t.typtype = 'd' and exists (
        select 1
        from pg_cast as r
        where r.castsource = t.oid and r.casttarget in ('json'::regtype, 'jsonb'::regtype)
    )), false) or exists (
        select 1
        from pg_proc as p
        inner join pg_type as d on d.oid = p.prorettype
        where p.prokind = 'a' and p.proargtypes[0] = c.reltype and d.typname in ('application/json', '*/*')
    ),
    c.relkind in ('v', 'm')
from pg_class as c
inner join pg_namespace as n on n.oid = c.relnamespace
left join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
left join pg_type as t on t.oid = a.atttypid
left join pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
where n.nspname = any(%s) and c.relkind in ('r', 'v', 'm', 'f', 'p') and not c.relispartition
group by n.nspname, c.relname, c.oid;

-- name: functions
-- The types are written for -1, no modifier, because a plain "character" would mean one letter only.
select
    n.nspname,
    p.proname,
    p.proretset,
    p.provolatile = 'v',
    t.typname = 'void',
    -- A domain named like a media type makes the function answer in that type.
    t.typtype = 'd' and (t.typname like '%%/%%'),
    p.pronargdefaults,
    coalesce(p.proargnames, '{}'),
    coalesce(p.proargmodes::text[], '{}'),
    coalesce((
        select array_agg(format_type(x.type, -1) order by x.ord)
        from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality as x (type, ord)
    ), '{}'),
    (
        select json_object_agg(a.attname, case
            when ct.typoutput = 'tsvectorout'::regproc then 'tsvector' else format_type(a.atttypid, a.atttypmod)
        end order by a.attnum)
        from pg_attribute as a
        inner join pg_type as ct on ct.oid = a.atttypid
        where a.attrelid = coalesce(nullif(base.typrelid, 0), nullif(t.typrelid, 0)) and a.attnum > 0 and not a.attisdropped
    ),
    coalesce(p.proconfig, '{}'),
    -- The table, or the type, whose rows it gives.
    (
        select r.relname
        from pg_class as r
        where r.oid = coalesce(nullif(base.typrelid, 0), nullif(t.typrelid, 0)) and r.relnamespace = p.pronamespace
    )
from pg_proc as p
inner join pg_namespace as n on n.oid = p.pronamespace
inner join pg_type as t on t.oid = p.prorettype
left join pg_type as base on base.oid = t.typbasetype
where n.nspname = any(%s) and p.prokind = 'f' and t.typname not in ('trigger', 'event_trigger')
order by p.oid;

-- name: foreign_keys
select
    n.nspname,
    c.relname,
    fn.nspname,
    f.relname,
    k.conname,
    cols.names,
    cols.refs,
    exists (
        select 1
        from pg_constraint as u
        where u.conrelid = k.conrelid and u.contype in ('p', 'u') and u.conkey <@ k.conkey and u.conkey @> k.conkey
    ),
    exists (select 1 from pg_constraint as p where p.conrelid = k.conrelid and p.contype = 'p' and p.conkey @> k.conkey),
    exists (
        select 1
        from pg_depend as d
        inner join pg_rewrite as r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
        where d.refobjid = c.oid and d.refclassid = 'pg_class'::regclass and r.ev_class <> c.oid
    )
from pg_constraint as k
inner join pg_class as c on c.oid = k.conrelid
inner join pg_namespace as n on n.oid = c.relnamespace
inner join pg_class as f on f.oid = k.confrelid
inner join pg_namespace as fn on fn.oid = f.relnamespace
cross join lateral (
    select
        array_agg(a.attname::text order by i.ord) as names,
        array_agg(b.attname::text order by i.ord) as refs
    from unnest(k.conkey, k.confkey) with ordinality as i (num, ref, ord)
    inner join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = i.num
    inner join pg_attribute as b on b.attrelid = k.confrelid and b.attnum = i.ref
) as cols
where
    k.contype = 'f' and k.conparentid = 0 and not c.relispartition and not f.relispartition
    and n.nspname = any(%s) and fn.nspname = any(%s)
order by k.conrelid, k.conname;

-- name: media_types
-- A domain named like a media type: some function or aggregate may answer in it.
select typname from pg_type where typtype = 'd' and typname like '%%/%%';

-- name: role_settings
-- ALTER ROLE ... SET acts at login only, so a role that is merely assumed needs its settings set again.
select
    r.rolname,
    split_part(pair, '=', 1),
    substr(pair, strpos(pair, '=') + 1)
from pg_db_role_setting as s
inner join pg_roles as r on r.oid = s.setrole
cross join unnest(s.setconfig) as pair
left join pg_settings as known on known.name = split_part(pair, '=', 1)
where
    s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
    and coalesce(known.context, 'user') = 'user';
