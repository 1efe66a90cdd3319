/** A database in which `x` marks what must not be seen: customers.{ssn,born,score,tags}, payments.card, people.ssn, derived.ssn. */
export const SCHEMA = `
create extension if not exists hstore;
create type mood as enum ('calm', 'angry');
create type pair as (a text, b text);
create domain code as text check (length(value) < 100);
create table customers (id int primary key, name text not null, email text, ssn text not null, born date not null,
  score int not null, notes text, profile jsonb, tags text[]);
create table payments (id int primary key, customer_id int not null references customers, card text not null,
  amount numeric(10,2) not null);
create table plain (id int primary key, label text, n int);
create table sink (id int, label text);
create view customer_tax as select id, ssn as tax, name from customers;
create view nested_tax as select id, tax as levy, upper(name) as loud from customer_tax;
create view mixed as select c.id, c.ssn || p.card as blend, p.amount + 1 as more from customers c join payments p on p.id = c.id;
create view rich as select name from customers where score > 3;
create view counted as select name, count(*) as n, count(ssn) as m, max(score) as top from customers group by name;
create view rows_of as select c as whole, to_jsonb(c) as doc from customers c;
create view looped as with recursive r(i, v) as (select 1, ssn from customers union all select i + 1, v from r where i < 3) select * from r;
create materialized view tax_store as select id, ssn as kept, name from customers;
create table people (region text, id int, ssn text) partition by list (region);
create table people_north partition of people for values in ('north');
create table derived (id int, name text, ssn text, shadow text generated always as (upper(name)) stored);
create schema other;
create table other.plain (id int, label text, secret text);
create table stamped (id int, label text);
create function ssn_of(i int) returns text language sql stable as 'select ssn from customers where id = i';
create function name_of(i int) returns text language sql stable as 'select name from customers where id = i';
create function ssn_atomic(i int) returns text stable begin atomic select ssn from customers where id = i; end;
create function name_plpgsql(i int) returns text language plpgsql stable as
  $$ declare s text; begin select name into s from customers where id = i; return s; end $$;
create function ssn_plpgsql(i int) returns text language plpgsql stable as
  $$ declare s text; begin select ssn into s from customers where id = i; return s; end $$;
create function guess_plpgsql(i int) returns text language plpgsql stable as
  $$ begin if (select ssn from customers where id = i) like '%1%' then return 'yes'; end if; return 'no'; end $$;
create function dynamic(i int) returns text language plpgsql stable as
  $$ declare s text; begin execute 'select s' || 'sn from customers where id = $1' into s using i; return s; end $$;
create function all_ssn() returns setof text language sql stable as 'select ssn from customers';
create function all_customers() returns setof customers language sql stable as 'select * from customers order by id';
create function some_columns() returns table (a int, b text, c text) language sql stable as
  'select id, name, ssn from customers order by id';
create function some_plpgsql() returns table (a int, b text, c text) language plpgsql stable as
  $$ begin return query select id, name, ssn from customers order by id; end $$;
create function outs(i int, out o text, out p text) language sql stable as 'select name, ssn from customers where id = i';
create function any_record() returns setof record language sql stable as 'select id, ssn from customers order by id';
create function tax_number(c customers) returns text language sql immutable as 'select c.ssn';
create function twice(t text) returns text language sql immutable as 'select t || t';
create function glued(a text, b text) returns text language sql immutable as $$ select a || '-' || b $$;
create function glue_step(a text, b text) returns text language sql immutable as 'select a || b';
create aggregate glue(text) (sfunc = glue_step, stype = text, initcond = '');
create function peek_step(a text, b text) returns text language sql stable as 'select max(ssn) from customers';
create aggregate peek(text) (sfunc = peek_step, stype = text, initcond = '');
create operator === (leftarg = text, rightarg = text, function = glued);
create function peeking(a text, b int) returns text language sql stable as 'select max(ssn) from customers';
create operator <<>> (leftarg = text, rightarg = int, function = peeking);
create function stamp() returns trigger language plpgsql as
  $$ begin select max(ssn) into new.label from customers; return new; end $$;
create trigger stamp before insert on stamped for each row execute function stamp();
create view called as select id, ssn_of(id) as s, twice(name) as t from customers;
`;

/** The rows, with the marked values as `other` says. */
export function fill(other: boolean): string {
  const ssns = other ? ['QQ-9', 'ZZ-8', 'WW-77'] : ['AB-1', 'CD-22', 'EF-3'];
  const scores = other ? [4, 1, 6] : [3, 5, 2];
  const born = other
    ? ['1990-01-01', '1970-05-05', '2001-07-07']
    : ['1980-02-02', '1999-03-03', '1960-04-04'];
  const cards = other ? ['4111', '4222', '43'] : ['5111', '52', '5333'];
  const one = (i: number): string => `
    insert into customers values (${i}, 'name${i}', 'e${i}@example.org', '${ssns[i - 1]}', '${born[i - 1]}', ${scores[i - 1]},
      'note${i}', '{"plan": "gold${i}"}', array['${ssns[i - 1]}', 'second']);
    insert into payments values (${i}, ${i}, '${cards[i - 1]}', ${i}.5);
    insert into plain values (${i}, 'label${i}', ${i * 10});
    insert into other.plain values (${i}, 'label${i}', 'other${i}');
    insert into people values ('north', ${i}, '${ssns[i - 1]}');
    insert into derived (id, name, ssn) values (${i}, 'name${i}', '${ssns[i - 1]}');`;
  return `truncate customers, payments, plain, people, derived, sink, other.plain, stamped;
    ${[1, 2, 3].map(one).join('')}
    refresh materialized view tax_store;`;
}

/** Whether a place holds what must not be seen. */
export function isMarked({ table, column }: { readonly table: string; readonly column: string }): boolean {
  if (table === 'customers') return ['ssn', 'born', 'score', 'tags'].includes(column);
  return (table === 'payments' && column === 'card') || (/people|derived/.test(table) && column === 'ssn');
}
