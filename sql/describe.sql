-- What the catalogue knows of our objects, as one document; sql/describe.py makes it readable.
with
relation as (
    select
        c.oid, c.relname as name, c.relkind, obj_description(c.oid, 'pg_class') as comment,
        case c.relkind when 'p' then pg_get_partkeydef(c.oid) end as partitioned_by
    from pg_class as c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v') and not c.relispartition
),

-- A view's column that has no words of its own means what the column of that name means which the view reads.
inherited as (
    select distinct on (w.ev_class, a.attname) w.ev_class, a.attname, col_description(a.attrelid, a.attnum) as comment
    from pg_rewrite as w
    inner join pg_depend as d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refobjsubid > 0
    inner join pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    where col_description(a.attrelid, a.attnum) is not null
    order by w.ev_class, a.attname, a.attrelid
),

columns as (
    select
        a.attrelid,
        jsonb_agg(jsonb_build_object(
            'name', a.attname,
            'type', format_type(a.atttypid, a.atttypmod),
            'null', not a.attnotnull,
            'default', case when a.attidentity <> '' then 'identity' else pg_get_expr(d.adbin, d.adrelid) end,
            'generated', a.attgenerated <> '',
            'comment', coalesce(col_description(a.attrelid, a.attnum), i.comment)
        ) order by a.attnum) as list
    from pg_attribute as a
    left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
    left join inherited as i on i.ev_class = a.attrelid and i.attname = a.attname
    where a.attnum > 0 and not a.attisdropped
    group by a.attrelid
),

constraints as (
    select
        k.conrelid,
        jsonb_agg(
            jsonb_build_object('name', k.conname, 'definition', pg_get_constraintdef(k.oid))
            order by position(k.contype::text in 'pufcx'), k.conname collate "C"
        ) as list
    from pg_constraint as k
    where k.contype in ('p', 'u', 'f', 'c', 'x')
    group by k.conrelid
),

indexes as (
    select
        i.indrelid,
        jsonb_agg(jsonb_build_object(
            'name', c.relname,
            'definition', case when i.indisunique then 'unique ' else '' end || regexp_replace(pg_get_indexdef(c.oid), '^.*? USING ', ''),
            'comment', obj_description(c.oid, 'pg_class')
        ) order by c.relname collate "C") as list
    from pg_index as i
    inner join pg_class as c on c.oid = i.indexrelid
    where not exists (select 1 from pg_constraint as k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x'))
    group by i.indrelid
),

triggers as (
    select
        t.tgrelid,
        jsonb_agg(
            jsonb_build_object('when', (regexp_match(pg_get_triggerdef(t.oid), ' (BEFORE|AFTER) (.*?) ON '))[1:2], 'function', t.tgfoid::regproc)
            order by t.tgname collate "C"
        ) as list
    from pg_trigger as t
    where not t.tgisinternal
    group by t.tgrelid
),

-- Rights of a signed-in owner; a right to some columns only names them.
rights as (
    select
        r.oid,
        jsonb_agg(jsonb_build_object('verb', v.verb, 'columns', case when not v.whole then g.columns end) order by v.position) as list
    from relation as r
    cross join lateral (
        select w.verb, w.position, has_table_privilege('authenticated', r.oid, w.verb) as whole
        from unnest(array['select', 'insert', 'update', 'delete']) with ordinality as w (verb, position)
    ) as v
    cross join lateral (
        select jsonb_agg(a.attname order by a.attnum) as columns
        from pg_attribute as a
        where
            a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped and v.verb <> 'delete'
            and has_column_privilege('authenticated', r.oid, a.attnum, v.verb)
    ) as g
    where v.whole or g.columns is not null
    group by r.oid
),

policies as (
    select p.polrelid, jsonb_agg(p.polname order by p.polname collate "C") as list
    from pg_policy as p
    group by p.polrelid
),

relations as (
    select jsonb_agg(jsonb_build_object(
        'name', r.name, 'view', r.relkind = 'v', 'comment', r.comment, 'partitioned_by', r.partitioned_by,
        'columns', c.list, 'constraints', k.list, 'indexes', i.list, 'triggers', t.list, 'rights', g.list, 'policies', p.list
    ) order by r.oid) as list
    from relation as r
    left join columns as c on c.attrelid = r.oid
    left join constraints as k on k.conrelid = r.oid
    left join indexes as i on i.indrelid = r.oid
    left join triggers as t on t.tgrelid = r.oid
    left join rights as g on g.oid = r.oid
    left join policies as p on p.polrelid = r.oid
),

functions as (
    select jsonb_agg(jsonb_build_object(
        'name', f.proname,
        'arguments', pg_get_function_arguments(f.oid),
        'result', pg_get_function_result(f.oid),
        'comment', obj_description(f.oid, 'pg_proc'),
        'definer', f.prosecdef,
        'roles', (
            select coalesce(jsonb_agg(o.role), '[]')
            from unnest(array['anon', 'authenticated', 'service_role']) as o (role)
            where has_function_privilege(o.role, f.oid, 'execute')
        )
    ) order by f.proname collate "C", f.oid) as list
    from pg_proc as f
    where f.pronamespace = 'public'::regnamespace
),

moves as (
    select jsonb_agg(jsonb_build_array(s.stage, n.next) order by s.stage) as list
    from unnest(enum_range(null::automation_stage)) as s (stage)
    cross join lateral (
        select jsonb_agg(m.to_stage order by m.to_stage) as next from ai_automation_stage_moves as m where m.from_stage = s.stage
    ) as n
)

select jsonb_build_object(
    'version', schema_version(), 'stages', obj_description('automation_stage'::regtype, 'pg_type'),
    'moves', m.list, 'relations', r.list, 'functions', f.list
) as catalogue
from relations as r
cross join functions as f
cross join moves as m;
