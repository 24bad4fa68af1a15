-- name: rights
-- Which of the rights the role holds; null if the object does not exist, or the role can't see it.
select
    case
        when r.kind operator(pg_catalog.=) 'schema' then pg_catalog.has_schema_privilege(s.oid, r.privilege)
        when r.kind operator(pg_catalog.=) 'sequence' then pg_catalog.has_sequence_privilege(q.oid, r.privilege)
        when r.kind operator(pg_catalog.=) 'column' then pg_catalog.has_column_privilege(c.attrelid, c.attnum, r.privilege)
    end as held
from rows from (
    pg_catalog.unnest(@kinds::pg_catalog.text[]), pg_catalog.unnest(@objects::pg_catalog.text[]),
    pg_catalog.unnest(@columns::pg_catalog.text[]), pg_catalog.unnest(@privileges::pg_catalog.text[])
) with ordinality as r (kind, object, name, privilege, n)
left join pg_catalog.pg_namespace s on s.nspname operator(pg_catalog.=) @schema::pg_catalog.text
left join pg_catalog.pg_class q on q.relnamespace operator(pg_catalog.=) s.oid and q.relname operator(pg_catalog.=) r.object
    and q.relkind operator(pg_catalog.=) 'S'
left join pg_catalog.pg_class t on t.relnamespace operator(pg_catalog.=) s.oid and t.relname operator(pg_catalog.=) r.object
left join pg_catalog.pg_attribute c on c.attrelid operator(pg_catalog.=) t.oid and c.attname operator(pg_catalog.=) r.name
    and not c.attisdropped
order by r.n
