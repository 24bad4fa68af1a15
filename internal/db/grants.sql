-- The rights that uzerp-mfa needs on uzERP's database, column by column, and no others. Run it in that database as the
-- tables' owner or a superuser, then give the role a password: \password ROLE
create role ROLE login;
grant usage on schema public to ROLE;

-- who the users are, and the four columns of their second factor
grant select (username, person_id, email, access_enabled, last_login, uuid, mfa_sid, mfa_enrolled, mfa_enabled),
    update (uuid, mfa_sid, mfa_enrolled, mfa_enabled)
    on users to ROLE;
grant select (id, firstname, surname) on person to ROLE;

-- switching two-factor login on and off; leave these out for a role that shall only help users
grant select (id, name, category, class_name, usercompanyid),
    insert (name, category, class_name, usercompanyid),
    update (class_name)
    on injector_classes to ROLE;
grant usage on sequence injector_classes_id_seq to ROLE;
