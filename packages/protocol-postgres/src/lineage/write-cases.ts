import type { Case } from './cases.ts';

export const WRITES: readonly Case[] = [
  ["with payments as (select 1 as id, 'x' as card) delete from payments returning card || $$$$, id", 'x.'],
  [
    "with customers as (select 1 as id, 'x' as ssn) update customers set name = name returning upper(ssn), name",
    'x.',
  ],
  ['update customers set name = name returning id, ssn, name, *', '.x....xxx..x'],
  ["update customers set name = name returning ssn || '', upper(name)", 'x.'],
  [
    'update plain set label = c.ssn from customers c where c.id = plain.id returning label, plain.id, c.name, c.ssn',
    'x..x',
  ],
  ['update plain set n = 1 from customers c where c.id = plain.id returning c.ssn, n', 'x.'],
  ['update customers set name = ssn returning name, notes', 'x.'],
  ['update customers set (name, notes) = (select ssn, email) returning name, notes', 'x.'],
  ['update customers set (name, notes) = row(email, ssn) returning name, notes', '.x'],
  ['update plain set label = (select max(ssn) from customers) returning label, n', 'x.'],
  [
    'update plain set n = case when exists (select from customers where ssn like $$A%$$) then 1 else 2 end returning n',
    'x',
  ],
  ['delete from payments returning card, id, upper(card)', 'x.x'],
  ['delete from plain using customers c where c.id = plain.id returning c.ssn, label', 'x.'],
  ['insert into sink select id, ssn from customers returning id, label', '.x'],
  ['insert into sink select id, name from customers returning id, label, upper(label)', '...'],
  ['insert into sink (label, id) select ssn, id from customers returning *', '.x'],
  ["insert into sink values (1, 'x') returning *", '..'],
  ['insert into sink values (1, (select max(ssn) from customers)) returning id, label', '.x'],
  [
    "insert into plain values (1, 'x', 1) on conflict (id) do update set label = (select max(ssn) from customers) returning label, n",
    'x.',
  ],
  [
    "insert into plain values (1, 'x', 1) on conflict (id) do update set label = excluded.label returning label",
    '.',
  ],
  [
    'insert into plain (id, label) select id, ssn from customers on conflict (id) do update set label = excluded.label returning label, n',
    'x.',
  ],
  [
    'with w as (insert into sink select id, ssn from customers returning label, id) select label, id from w',
    'x.',
  ],
  ['with d as (delete from people returning ssn, region) select ssn, region from d', 'x.'],
  ['with u as (update customers set name = name returning *) select ssn, name from u', 'x.'],
  ["insert into stamped values (1, 'x') returning label", 'x'],
  ['insert into derived (id, name) select id, ssn from customers returning name, shadow, ssn', 'xxx'],
];

/** On servers that can RETURN from MERGE (17) and old rows (18). */
export const NEWER: readonly Case[] = [
  [
    'merge into sink s using customers c on s.id = c.id when not matched then insert values (c.id, c.ssn) returning merge_action(), s.id, s.label, c.name',
    '..x.',
  ],
  [
    'merge into plain p using customers c on p.id = c.id and c.ssn like $$A%$$ when matched then update set n = 1 when not matched by source then update set n = 2 returning merge_action(), p.id',
    'x. rows',
  ],
  [
    'merge into plain p using customers c on p.id = c.id when matched then update set label = c.name returning p.label, c.*',
    '....xxx..x',
  ],
  ['update customers set ssn = name returning old.ssn, new.ssn, old.name, new.name', 'xx..'],
  [
    'update plain set label = c.ssn from customers c where c.id = plain.id returning with (old as o, new as w) o.n, w.label',
    '.x',
  ],
  [
    "select json_object('a': ssn), json_object('a': name), json_array(ssn), json_array(select name from customers) from customers",
    'x.x.',
  ],
  [
    "select jt.* from customers c, json_table(to_jsonb(c), '$' columns (a text path '$.ssn', nested path '$.tags[*]' columns (b text path '$'))) jt",
    'xx',
  ],
  ["select jt.a from customers c, json_table(c.profile, '$' columns (a text path '$.plan')) jt", '.'],
  [
    "select json_value(profile, '$.plan'), json_query(to_jsonb(c), '$.ssn'), json_exists(to_jsonb(c), '$.ssn') from customers c",
    '.xx',
  ],
  ['select any_value(ssn), any_value(name) from customers', 'x.'],
];
