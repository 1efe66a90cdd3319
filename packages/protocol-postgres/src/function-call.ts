import { FUNCTION_CALL, type KnownStatement, type StatementCache } from './statements.ts';
import { BinaryReader } from './types/codec.ts';

/**
 * Functions that libpq, JDBC and psql call by message to work on large objects, by their fixed OIDs (pg_proc.dat).
 * Those that read and write files of the server are not among them.
 */
const LARGE_OBJECT: Readonly<Record<number, string>> = {
  715: 'lo_create',
  952: 'lo_open',
  953: 'lo_close',
  954: 'loread',
  955: 'lowrite',
  956: 'lo_lseek',
  957: 'lo_creat',
  958: 'lo_tell',
  964: 'lo_unlink',
  1004: 'lo_truncate',
  3170: 'lo_lseek64',
  3171: 'lo_tell64',
  3172: 'lo_truncate64',
};

/** The statement a FunctionCall message amounts to, as guards see it; undefined for all but large-object functions. */
export function calledStatement(
  bytes: Buffer,
  at: number,
  end: number,
  statements: StatementCache,
): KnownStatement | undefined {
  const name = at + 9 <= end ? LARGE_OBJECT[bytes.readUInt32BE(at + 5)] : undefined;
  return name === undefined ? undefined : statements.get(`select pg_catalog.${name}()`);
}

/** Whether what the call returns can be data: of the known ones only reading does, the others give numbers. */
export function returnsData(statement: KnownStatement | undefined): boolean {
  return statement === undefined || statement === FUNCTION_CALL || statement.text.includes('loread');
}

/**
 * The arguments of a FunctionCall, each as Latin-1 so that every byte survives. Throws a fault when they are not what
 * the message says.
 */
export function callArguments(call: Buffer): (string | null)[] {
  const reader = new BinaryReader(call.subarray(9), 'a function call');
  const formats = reader.take(2).readUInt16BE(0);
  reader.take(formats * 2);
  const count = reader.take(2).readUInt16BE(0);
  return Array.from({ length: count }, () => reader.value()?.toString('latin1') ?? null);
}
