-- name: rights
-- Which of the rights the role holds; null if the object does not exist, or the role can't see it.
select
    case r.kind
        when 'schema' then has_schema_privilege(s.oid, r.privilege)
        when 'sequence' then has_sequence_privilege(to_regclass(r.object), r.privilege)
        when 'column' then has_column_privilege(c.attrelid, c.attnum, r.privilege)
    end as held
from unnest(@kinds::text[], @objects::text[], @columns::text[], @privileges::text[])
    with ordinality as r (kind, object, name, privilege, n)
left join pg_namespace s on s.nspname = r.object
left join pg_attribute c on c.attrelid = to_regclass(r.object) and c.attname = r.name and not c.attisdropped
order by r.n
