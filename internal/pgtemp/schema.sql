-- The part of uzERP's database that two-factor login depends on, in our own words: only the tables, columns and
-- constraints of docs/facts/uzerp.md §1. Valid on PostgreSQL 12 to 18.

create table company (
    id bigserial primary key,
    name varchar not null
);

create table system_companies (
    id bigserial primary key,
    company_id bigint unique references company (id),
    enabled boolean not null default true,
    access_enabled varchar not null default 'FULL'
);

create table party (
    id bigserial primary key,
    type varchar,
    usercompanyid bigint not null references system_companies (id)
);

create table person (
    id bigserial primary key,
    firstname varchar not null,
    surname varchar not null,
    company_id bigint references company (id),
    party_id bigint references party (id),
    end_date date,
    created timestamp not null default now(),
    lastupdated timestamp not null default now(),
    alteredby varchar,
    usercompanyid bigint not null references system_companies (id)
);

create table contact_methods (
    id serial primary key,
    contact varchar,
    created timestamp default now(),
    createdby varchar,
    alteredby varchar,
    lastupdated timestamp default now(),
    usercompanyid bigint not null references system_companies (id)
);

create table party_contact_methods (
    id bigserial primary key,
    contactmethod_id bigint not null references contact_methods (id),
    party_id bigint references party (id),
    type varchar not null,
    name varchar not null default 'MAIN',
    main boolean not null default false,
    created timestamp default now(),
    createdby varchar,
    alteredby varchar,
    lastupdated timestamp default now(),
    usercompanyid bigint not null references system_companies (id)
);

create table users (
    username varchar primary key,
    password varchar(255) not null,
    lastcompanylogin bigint references system_companies (id),
    person_id bigint unique references person (id),
    last_login timestamp without time zone,
    audit_enabled boolean default false,
    debug_enabled boolean default false,
    access_enabled boolean default true,
    email varchar,
    mfa_enrolled boolean default false,
    uuid uuid,
    mfa_sid varchar(255),
    mfa_enabled boolean default false
);

create table user_company_access (
    id bigserial primary key,
    username varchar not null references users (username) on update cascade,
    usercompanyid bigint not null references system_companies (id),
    enabled boolean not null default true,
    unique (username, usercompanyid)
);

create table injector_classes (
    id serial primary key,
    name varchar not null,
    category varchar not null,
    class_name varchar not null,
    description varchar,
    usercompanyid bigint not null,
    unique (name, class_name)
);

create table audit_header (
    id serial primary key,
    username varchar,
    customer_id integer,
    sessionid varchar,
    created timestamp not null default now(),
    lastupdated timestamp default now()
);

create table audit_lines (
    id serial primary key,
    audit_id integer not null references audit_header (id) on update cascade on delete cascade,
    line varchar,
    created timestamp not null default now(),
    referer varchar,
    elapsed_time double precision,
    memory_used bigint,
    username varchar,
    remote_address varchar,
    user_agent varchar
);
