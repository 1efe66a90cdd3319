import type { Portal } from './session.ts';
import { builtinType } from './types/builtin.ts';
import { stringEnd, WireFault } from './wire.ts';

/**
 * A way to read the portal's parameters as text, or null when it has none. Binary values of a type the caller did not
 * name are shown as `\x` and their bytes.
 */
export function bindParameters(portal: Portal): (() => readonly (string | null)[]) | null {
  const { bind } = portal;
  if (!bind) return null;
  const start = formatsStart(bind);
  const formats = bind.readUInt16BE(start);
  const valuesAt = start + 2 + formats * 2;
  if (valuesAt + 2 > bind.length) throw new WireFault('a Bind message is too short');
  if (bind.readUInt16BE(valuesAt) === 0) return null;
  return () => readParameters(bind, start, portal.prepared?.parameterTypes ?? []);
}

function formatsStart(bind: Buffer): number {
  const portalEnd = stringEnd(bind, 5, bind.length);
  const at = stringEnd(bind, portalEnd + 1, bind.length) + 1;
  if (at + 2 > bind.length) throw new WireFault('a Bind message is too short');
  return at;
}

function readParameters(bind: Buffer, start: number, types: readonly number[]): (string | null)[] {
  const formats = bind.readUInt16BE(start);
  let at = start + 2 + formats * 2;
  const count = bind.readUInt16BE(at);
  at += 2;
  const values: (string | null)[] = [];
  for (let i = 0; i < count; i++) {
    if (at + 4 > bind.length) throw new WireFault('a Bind message is too short');
    const length = bind.readInt32BE(at);
    at += 4;
    if (length < 0) {
      values.push(null);
      continue;
    }
    if (at + length > bind.length) throw new WireFault('a Bind message is too short');
    const index = formats === 1 ? 0 : i;
    const binary = formats > 0 && index < formats && bind.readInt16BE(start + 2 + index * 2) === 1;
    values.push(
      binary ? binaryText(bind, at, at + length, types[i] ?? 0) : bind.toString('utf8', at, at + length),
    );
    at += length;
  }
  return values;
}

function binaryText(bytes: Buffer, start: number, end: number, type: number): string {
  const codec = builtinType(type);
  if (codec) {
    try {
      return codec.decode(bytes, start, end);
    } catch {
      // the target will refuse the value itself; whoever approves sees the bytes
    }
  }
  return `\\x${bytes.toString('hex', start, end)}`;
}
