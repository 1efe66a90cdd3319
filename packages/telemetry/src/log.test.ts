import { inspect } from 'node:util';
import { expect, test } from '@jest/globals';
import { refuse, Secret } from '@scrim/model';
import fc from 'fast-check';
import { cleanValue, createLog } from './log.ts';

function logging(): { log: ReturnType<typeof createLog>; text: () => string } {
  const lines: string[] = [];
  const log = createLog({
    name: 't',
    level: 'trace',
    destination: { write: (line) => void lines.push(line) },
  });
  return { log, text: () => lines.join('') };
}

const VALUE = 'correct-horse-battery';

test('a Secret is not printed, wherever it stands', () => {
  const { log, text } = logging();
  const secret = new Secret(VALUE);
  log.info(
    { secret, deep: { list: [secret], map: new Map([['k', secret]]), set: new Set([secret]) } },
    'with %s',
    secret,
  );
  log.info(secret as never);
  log.child({ bound: secret, password: VALUE }).warn('child');
  log.error(Object.assign(new Error('failed', { cause: secret }), { config: { password: VALUE } }));
  log.error({ err: new Error(`could not use ${secret}`, { cause: { password: VALUE } }) });
  log.info('object %j and %o', { password: VALUE }, { nested: { token: VALUE } });
  expect(text().split('\n').length).toBeGreaterThan(5);
  expect(text()).not.toContain(VALUE);
});

test('values under known secret names are not printed, however the name is written', () => {
  const names = [
    'password',
    'Password',
    'api_key',
    'API-Key',
    'privateKey',
    'set-cookie',
    'Authorization',
    'x-api-key',
  ];
  const { log, text } = logging();
  for (const name of names) log.info({ [name]: VALUE, headers: { [name]: [VALUE] } });
  expect(text()).not.toContain(VALUE);
});

test('text in the form of a credential is not printed, in messages, fields, errors and stacks', () => {
  const forms = [
    `postgresql://scrim:${VALUE}@db:5432/scrim`,
    `redis://:${VALUE}@redis`,
    `Bearer ${VALUE}`,
    `scrim_ak_0123456789abcdef_${VALUE}`,
    `scrim_jt_0123456789abcdef_${VALUE}`,
    `eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0abc.${VALUE}`,
  ];
  const { log, text } = logging();
  for (const form of forms) {
    log.info({ note: form, list: [form] }, form);
    log.info('formatted %s', form);
    log.error({ err: new Error(`refused: ${form}`) });
    log.error(new Error(form));
  }
  expect(text()).not.toContain(VALUE);
  expect(text()).toContain('postgresql://scrim:[redacted]@db:5432/scrim');
});

test('an error keeps what helps: type, message, stack, code, cause, refusal', () => {
  const { log, text } = logging();
  const cause = Object.assign(new Error('socket closed'), { code: 'ECONNRESET' });
  log.error({ err: refuse('SCRIM_INTERNAL', { cause }) });
  const { err } = JSON.parse(text());
  expect(err.refusal.code).toBe('SCRIM_INTERNAL');
  expect(err.cause).toMatchObject({ type: 'Error', message: 'socket closed', code: 'ECONNRESET' });
});

test('whatever is logged, the line is JSON, bounded, and the call returns', () => {
  const cyclic: Record<string, unknown> = {
    n: 1n,
    f: () => 1,
    bytes: new Uint8Array(9),
    date: new Date(Number.NaN),
  };
  cyclic.self = cyclic;
  const hostile = {
    get boom(): never {
      throw new Error(VALUE);
    },
  };
  let deep: unknown = 'end';
  for (let level = 0; level < 5000; level += 1) deep = { deep };
  const { log, text } = logging();
  log.info({ cyclic, deep, hostile, long: 'x'.repeat(1_000_000) });
  expect(JSON.parse(text()).cyclic.self).toBe('[cut]');
  expect(text().length).toBeLessThan(40_000);
  fc.assert(
    fc.property(fc.anything(), (value) => {
      expect(() => JSON.stringify(cleanValue(value))).not.toThrow();
    }),
    { numRuns: 500 },
  );
});

test('a secret nested anywhere in any object never comes out', () => {
  const leaf = fc.constant(new Secret(VALUE));
  const tree = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.string(),
      fc.array(tie('node'), { maxLength: 3 }),
      fc.dictionary(fc.string(), tie('node'), { maxKeys: 3 }),
    ),
  })).node;
  fc.assert(
    fc.property(tree, (value) => {
      const { log, text } = logging();
      log.info({ value });
      expect(text() + inspect(cleanValue(value), { depth: 20 })).not.toContain(VALUE);
    }),
    { numRuns: 200 },
  );
});
