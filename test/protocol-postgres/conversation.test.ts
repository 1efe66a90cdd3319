import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BLOCKED, type Gateway } from '@scrim/protocol-postgres/testing';
import * as wire from './harness.ts';
import {
  bind,
  describePortal,
  describeStatement,
  errorOf,
  execute,
  flush,
  parse,
  RawSession,
  rowsOf,
  stateOf,
  sync,
  Target,
  types,
} from './harness.ts';

let target: Target;
let gateway: Gateway;
const runs: string[] = [];

beforeAll(async () => {
  target = await Target.start();
  gateway = await target.gateway({
    behaviour: {
      mask: { 'customers.ssn': '***' },
      refuse: { when: /^\s*drop|forbidden/i, refusal: BLOCKED },
      onRun: (side, run) => void runs.push(`${side} ${run.meaning.kind}`),
    },
  });
}, 60_000);
afterAll(async () => await target.stop(), 30_000);

function cstrOf(text: string): Buffer {
  return Buffer.from(`${text}\0`, 'latin1');
}

async function session(): Promise<RawSession> {
  return await RawSession.login(gateway.port);
}

describe('masking follows the data', () => {
  test('a prepared statement executed again without Describe is still masked, in text and binary', async () => {
    const raw = await session();
    raw.send(parse('s', 'select ssn as harmless, id from customers where id = $1'), sync);
    await raw.until('Z');
    for (const formats of [[], [1], [1, 0]]) {
      raw.send(bind('', 's', ['3'], formats), execute(''), sync);
      const answer = await raw.until('Z');
      expect(types(answer)).toBe('2DCZ');
      expect(rowsOf(answer)[0]?.[0]).toBe('***');
    }
    raw.end();
  });

  test('our Describe is swallowed, and the one the caller asks for is not', async () => {
    const raw = await session();
    raw.send(
      parse('', 'select ssn from customers limit 1'),
      bind('', ''),
      describePortal(''),
      execute(''),
      sync,
    );
    expect(types(await raw.until('Z'))).toBe('12TDCZ');
    raw.send(
      parse('', 'select ssn from customers limit 1'),
      describeStatement(''),
      bind('', ''),
      execute(''),
      sync,
    );
    expect(types(await raw.until('Z'))).toBe('1tT2DCZ');
    raw.send(parse('', 'create temp table t1(x int)'), bind('', ''), execute(''), sync);
    expect(types(await raw.until('Z'))).toBe('12CZ');
    raw.end();
  });

  test('portals with row limits, interleaved', async () => {
    const raw = await session();
    raw.send(
      parse('a', 'select ssn, id from customers order by id'),
      parse('b', 'select id, ssn from customers order by id'),
    );
    raw.send(bind('pa', 'a'), bind('pb', 'b'), execute('pa', 2), execute('pb', 3), execute('pa', 2), sync);
    const answer = await raw.until('Z');
    expect(types(answer)).toBe('1122DDsDDDsDDsZ');
    expect(rowsOf(answer)).toEqual([
      ['***', '1'],
      ['***', '2'],
      ['1', '***'],
      ['2', '***'],
      ['3', '***'],
      ['***', '3'],
      ['***', '4'],
    ]);
    raw.end();
  });

  test('SQL cursors, EXECUTE, several statements in one text', async () => {
    const raw = await session();
    const answer = await raw.query(`begin; declare c cursor for select ssn from customers; fetch 2 from c;
      prepare q as select ssn from customers limit 1; execute q; select ssn, id from customers limit 1; commit`);
    expect(rowsOf(answer).map(([value]) => value)).toEqual(['***', '***', '***', '***']);
    expect(stateOf(answer)).toBe('I');
    raw.end();
  });

  test('the shape is told to the relay before rows, and one outcome ends each operation', async () => {
    const raw = await session();
    runs.length = 0;
    await raw.query('select 1; select 2; select ssn from customers limit 1');
    const seen = runs.filter((run) => /operation|outcome|rows|shape/.test(run));
    expect(seen.filter((run) => run.endsWith('outcome'))).toHaveLength(1);
    expect(seen.filter((run) => run.endsWith('operation'))).toHaveLength(1);
    expect(seen.at(1)).toBe('target shape');
    runs.length = 0;
    raw.send(parse('', 'select ssn from customers limit 1'), bind('', ''), execute(''), sync);
    await raw.until('Z');
    expect(runs.indexOf('target shape')).toBeLessThan(runs.indexOf('target rows'));
    runs.length = 0;
    await raw.query('select 1; select 1/0; select 2');
    expect(runs.filter((run) => run === 'target outcome')).toHaveLength(1);
    raw.end();
  });
});

describe('refusals leave both sides in the state the wire prescribes', () => {
  test('simple query: error, ReadyForQuery, and the session goes on', async () => {
    const raw = await session();
    const answer = await raw.query('drop table customers');
    expect(types(answer)).toBe('EZ');
    expect(errorOf(answer)).toMatchObject({ S: 'ERROR', C: '42501', M: BLOCKED.message, H: BLOCKED.hint });
    expect(errorOf(answer).D).toContain('ticket: T-1');
    expect(stateOf(answer)).toBe('I');
    expect(types(await raw.query('select 1'))).toBe('TDCZ');
    raw.end();
  });

  test('inside a transaction the state is E, and the target rolls back', async () => {
    const raw = await session();
    await raw.query("begin; insert into customers(name) values ('ghost')");
    expect(stateOf(await raw.query('drop table customers'))).toBe('E');
    expect(errorOf(await raw.query('select 1')).C).toBe('25P02');
    expect(stateOf(await raw.query('rollback'))).toBe('I');
    expect(rowsOf(await raw.query("select count(*) from customers where name = 'ghost'"))).toEqual([['0']]);
    raw.end();
  });

  test('pipelined: replies due come first, the rest of the unit is skipped, the next unit runs', async () => {
    const raw = await session();
    raw.send(
      ...[
        parse('', 'select 1'),
        bind('', ''),
        execute(''),
        parse('', 'drop table customers'),
        bind('', ''),
        execute(''),
      ],
      ...[parse('', 'select 3'), bind('', ''), execute(''), sync],
      ...[parse('', 'select 4'), bind('', ''), describePortal(''), execute(''), sync],
    );
    const answer = await raw.until('Z', 2);
    expect(types(answer)).toBe('12DCEZ12TDCZ');
    expect(rowsOf(answer)).toEqual([['1'], ['4']]);
    raw.end();
  });

  test('an Execute refused after its Parse passed keeps the prepared statement usable', async () => {
    const gate = await target.gateway({
      behaviour: { refuse: { when: /customers/, at: 'operation', refusal: BLOCKED } },
    });
    const raw = await RawSession.login(gate.port);
    raw.send(parse('', 'select id from customers'), bind('', ''), describePortal(''), execute(''), sync);
    expect(types(await raw.until('Z'))).toBe('12TEZ');
    raw.send(bind('', ''), execute(''), sync);
    expect(types(await raw.until('Z'))).toBe('2EZ');
    raw.send(parse('', 'select 7'), bind('', ''), execute(''), sync);
    expect(types(await raw.until('Z'))).toBe('12DCZ');
    raw.end();
  });

  test('after a refusal without Sync the rest is dropped until Sync', async () => {
    const raw = await session();
    raw.send(parse('x', 'drop table customers'), flush);
    expect(types(await raw.until('E'))).toBe('E');
    raw.send(bind('', 'x'), execute(''), flush);
    raw.send(sync);
    expect(types(await raw.until('Z'))).toBe('Z');
    raw.send(bind('', 'x'), execute(''), sync);
    expect(errorOf(await raw.until('Z')).C).toBe('26000');
    raw.end();
  });

  test('COPY data that may not go in fail the COPY, in the simple and the extended protocol', async () => {
    const gate = await target.gateway({ behaviour: { refuseInput: { when: /\*\*\*/, refusal: BLOCKED } } });
    const raw = await RawSession.login(gate.port);
    await raw.query('create temp table into_here(a text)');
    const data = (text: string): Buffer => wire.typed('d', Buffer.from(text));
    raw.send(wire.typed('Q', wire.cstr('copy into_here from stdin')));
    await raw.until('G');
    raw.send(data('fine\n'), data('***\n'), data('***\n'), wire.typed('c'));
    const answer = await raw.until('Z');
    expect(types(answer)).toBe('EZ');
    expect(errorOf(answer)).toMatchObject({ C: '42501', M: BLOCKED.message });
    raw.send(parse('', 'copy into_here from stdin'), bind('', ''), execute(''), flush);
    await raw.until('G');
    raw.send(data('***\n'));
    expect(errorOf(await raw.until('E')).C).toBe('42501');
    raw.send(data('***\n'), wire.typed('c'), sync);
    expect(types(await raw.until('Z'))).toBe('Z');
    expect(rowsOf(await raw.query('select count(*) from into_here'))).toEqual([['0']]);
    raw.end();
  });

  test('function calls are refused, and the session goes on', async () => {
    const raw = await session();
    raw.send(wire.typed('F', wire.i32(2200), wire.i16(0), wire.i16(0), wire.i16(0)));
    const answer = await raw.until('Z');
    expect(types(answer)).toBe('EZ');
    expect(types(await raw.query('select 1'))).toBe('TDCZ');
    raw.end();
  });

  test('an unknown message type ends the session with an error', async () => {
    const raw = await session();
    raw.send(wire.typed('y', Buffer.from('?')));
    expect(errorOf(await raw.whenClosed())).toMatchObject({ S: 'FATAL' });
  });
});

describe('names cannot be made to mean something else than what was judged', () => {
  test('a Parse that fails leaves the old statement: Execute is judged as that one', async () => {
    const texts: string[] = [];
    const gate = await target.gateway({
      behaviour: {
        onRun: (_side, { meaning }) => {
          if (meaning.kind === 'operation') texts.push(meaning.statement.text);
        },
      },
    });
    const raw = await RawSession.login(gate.port);
    raw.send(parse('s', "select 'old'"), sync);
    await raw.until('Z');
    raw.send(parse('s', "select 'new'"), sync, bind('', 's'), execute(''), sync);
    const answer = await raw.until('Z', 2);
    expect(rowsOf(answer)).toEqual([['old']]);
    expect(texts).toEqual(["select 'old'"]);
    raw.end();
  });

  test('DEALLOCATE and PREPARE in front of a Bind in the same packet', async () => {
    const texts: string[] = [];
    const gate = await target.gateway({
      behaviour: {
        onRun: (_side, { meaning }) => {
          if (meaning.kind === 'operation') texts.push(meaning.statement.text);
        },
      },
    });
    const raw = await RawSession.login(gate.port);
    raw.send(parse('s', "select 'old'"), sync);
    await raw.until('Z');
    const swap = wire.typed('Q', wire.cstr("deallocate s; prepare s as select 'new'"));
    raw.send(swap, bind('', 's'), execute(''), sync);
    const answer = await raw.until('Z', 2);
    expect(rowsOf(answer)).toEqual([['new']]);
    expect(texts.at(-1)?.trim()).toBe("select 'new'");
    raw.end();
  });

  test('a text is judged as the target reads it, also right behind a change of its reading', async () => {
    const seen: [string, boolean][] = [];
    const gate = await target.gateway({
      behaviour: {
        onRun: (_side, { meaning }) => {
          if (meaning.kind !== 'operation' || meaning.statement.facts.kind !== 'sql') return;
          seen.push([meaning.statement.verb, meaning.statement.facts.complete]);
        },
      },
    });
    // In each case our parser sees one harmless string, and the target another statement behind its end.
    const hidden = Buffer.concat([
      Buffer.from("select E'"),
      Buffer.from([0xc3, 0x81, 0x5c]),
      cstrOf("'; select 'stolen' --'"),
    ]);
    const quoted = cstrOf("select '\\''; select 'stolen' --'");
    for (const [change, text] of [
      ['set client_encoding to sjis', hidden],
      ["select set_config('client_encoding', 'SJIS', false)", hidden],
      ['set standard_conforming_strings to off', quoted],
    ] as const) {
      for (const ends of [[sync], []]) {
        const raw = await RawSession.login(gate.port);
        seen.length = 0;
        raw.send(parse('', change), bind('', ''), execute(''), ...ends, wire.typed('Q', text));
        await raw.until('Z', ends.length + 1);
        expect(seen.at(-1)?.[1]).toBe(false);
        raw.end();
      }
      const raw = await RawSession.login(gate.port);
      await raw.query(change);
      seen.length = 0;
      raw.send(wire.typed('Q', text));
      const said = await raw.until('Z');
      expect(seen.map(([, complete]) => complete)).toEqual([false]);
      expect(types(said)).toContain('Z');
      raw.end();
    }
    const raw = await RawSession.login(gate.port);
    seen.length = 0;
    expect(rowsOf(await raw.query("select 'é\\x'"))).toEqual([['é\\x']]);
    expect(seen).toEqual([['SELECT', true]]);
    raw.end();
  });

  test('a statement nobody named is judged as unknown', async () => {
    const complete: boolean[] = [];
    const gate = await target.gateway({
      behaviour: {
        onRun: (_side, { meaning }) => {
          if (meaning.kind === 'operation' && meaning.statement.facts.kind === 'sql')
            complete.push(meaning.statement.facts.complete);
        },
      },
    });
    const raw = await RawSession.login(gate.port);
    raw.send(bind('', 'nobody'), execute(''), sync);
    expect(errorOf(await raw.until('Z')).C).toBe('26000');
    expect(complete).toEqual([false]);
    raw.end();
  });
});

describe('catalog', () => {
  test('what another session or this one defines is known before its rows pass', async () => {
    const raw = await session();
    await raw.query('create table leads(id int, ssn text); insert into leads values (1, 1)');
    await raw.query('create view v as select id, ssn as hidden from customers');
    expect(rowsOf(await raw.query('select hidden from v limit 1'))).toEqual([['***']]);
    await raw.query('create or replace view v as select id, name as hidden from customers');
    expect(rowsOf(await raw.query('select hidden from v order by id limit 1'))).toEqual([['n1']]);
    const direct = await target.direct();
    await direct.query(
      'create table part(check (id > 0)) inherits (customers); insert into part values (99, $$x$$, $$y$$)',
    );
    expect(rowsOf(await raw.query('select ssn from part'))).toEqual([['***']]);
    direct.end();
    raw.end();
  });

  test('columns are followed through computing and temporary tables, and unknown where those were made unseen', async () => {
    const shapes: { exact: boolean; reach: unknown }[] = [];
    const gate = await target.gateway({
      behaviour: {
        onRun: (_side, { meaning }) => {
          if (meaning.kind !== 'shape') return;
          shapes.push({
            exact: meaning.shape.columns.every(({ exact }) => exact),
            reach: meaning.shape.reach,
          });
        },
      },
    });
    const raw = await RawSession.login(gate.port);
    const shapeOf = async (sql: string): Promise<unknown> => {
      shapes.length = 0;
      await raw.query(sql);
      return shapes[0];
    };
    expect(await shapeOf('select id from customers')).toMatchObject({ exact: true });
    expect(await shapeOf('select count(*), 1 from customers')).toMatchObject({ exact: true });
    expect(await shapeOf("select ssn || '' from customers")).toMatchObject({ exact: true });
    await raw.query('create temp table hidden as select ssn as x from customers');
    expect(await shapeOf('select x from hidden')).toEqual({ exact: true, reach: 'unknown' });
    expect(await shapeOf('copy hidden to stdout')).toEqual({ exact: true, reach: 'unknown' });
    expect(await shapeOf("select x || '' from hidden")).toEqual({ exact: true, reach: 'unknown' });
    await raw.query('do $$ begin create temp table unseen as select ssn as x from customers; end $$');
    expect(await shapeOf('select x from unseen')).toEqual({ exact: false, reach: 'unknown' });
    expect(await shapeOf("select ssn || '' from customers")).toEqual({ exact: false, reach: 'unknown' });
    expect(await shapeOf('select id from customers')).toMatchObject({ exact: true });
    expect(await shapeOf('select count(*) from customers')).toMatchObject({ exact: true });
    raw.end();
  });

  test('the same prepared text has the same statement and shape in every session', async () => {
    const statements = new Set<unknown>();
    const shapes = new Set<unknown>();
    const gate = await target.gateway({
      behaviour: {
        onRun: (_side, { meaning }) => {
          if (meaning.kind === 'operation') statements.add(meaning.statement);
          if (meaning.kind === 'rows') shapes.add(meaning.rows.shape);
        },
      },
    });
    for (let i = 0; i < 3; i++) {
      const raw = await RawSession.login(gate.port);
      raw.send(parse('s', 'select id, ssn from customers where id < 3'), bind('', 's'), execute(''), sync);
      raw.send(bind('', 's'), execute(''), sync);
      await raw.until('Z', 2);
      raw.end();
    }
    expect(statements.size).toBe(1);
    expect(shapes.size).toBe(1);
  });

  test('texts say whether they may repeat data, and of which relations', async () => {
    const seen: { name: string; quotesData: boolean; reach: unknown }[] = [];
    const gate = await target.gateway({
      behaviour: {
        onRun: (_side, { meaning }) => {
          if (meaning.kind !== 'fields') return;
          const { entries, reach } = meaning.fields;
          for (const { name, quotesData } of entries) {
            seen.push({
              name,
              quotesData,
              reach: reach === 'unknown' ? reach : reach.map(({ table }) => table),
            });
          }
        },
      },
    });
    const raw = await RawSession.login(gate.port);
    const message = async (sql: string): Promise<unknown> => {
      seen.length = 0;
      await raw.query(sql);
      return seen.find(({ name }) => name === 'message');
    };
    expect(await message('select nowhere from customers')).toMatchObject({ quotesData: false });
    expect(await message('select ssn::int from customers')).toMatchObject({
      quotesData: true,
      reach: expect.arrayContaining(['customers']),
    });
    expect(await message('select ssn::regclass from customers')).toMatchObject({ quotesData: true });
    expect(await message('selec')).toMatchObject({ quotesData: false });
    await raw.query('begin; insert into leads select id, ssn from customers');
    expect(await message('select 1/0')).toMatchObject({
      quotesData: true,
      reach: expect.arrayContaining(['customers']),
    });
    await raw.query('rollback');
    seen.length = 0;
    await raw.query("select set_config('application_name', 'x', false) from customers limit 1");
    expect(seen).toContainEqual({ name: 'application_name', quotesData: true, reach: expect.anything() });
    raw.end();
  });
});
