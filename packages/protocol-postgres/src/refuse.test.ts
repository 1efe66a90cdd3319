import { expect, test } from '@jest/globals';
import { REFUSALS, type RefusalCode } from '@scrim/model';
import { ReportFields } from './fields.ts';
import { errorResponse, SQLSTATE } from './refuse.ts';

test('every refusal has an SQLSTATE, and a failing token is class 28', () => {
  for (const code of Object.keys(REFUSALS) as RefusalCode[]) {
    expect(SQLSTATE[code]).toMatch(/^[0-9A-Z]{5}$/);
    if (code.startsWith('SCRIM_AUTH') || code.startsWith('SCRIM_CONNECTION'))
      expect(SQLSTATE[code]).toMatch(/^28/);
    if (code.startsWith('SCRIM_TARGET')) expect(SQLSTATE[code]).toBe('08006');
  }
});

test('an error names rule and ticket, and a zero byte in a text cannot end it early', () => {
  const bytes = errorResponse(
    { code: 'SCRIM_GUARD_BLOCKED', message: 'no\0tail', rule: 'p/guard[0]', ticket: 'T-1', hint: 'ask' },
    'ERROR',
  );
  const fields = new ReportFields(bytes, []);
  expect(['C', 'M', 'D', 'H'].map((code) => fields.get(code))).toEqual([
    '42501',
    'no',
    'SCRIM_GUARD_BLOCKED; rule: p/guard[0]; ticket: T-1',
    'ask',
  ]);
});
