import type { TypeCodec } from './codec.ts';
import { byteaCodec, jsonbCodec, jsonCodec, plain } from './plain.ts';

const CODECS = new Map<number, TypeCodec>([
  [17, byteaCodec],
  [18, plain('char')],
  [19, plain('name')],
  [25, plain('text')],
  [114, jsonCodec],
  [142, plain('xml', 'xml')],
  [705, plain('unknown')],
  [1042, plain('bpchar')],
  [1043, plain('varchar')],
  [3802, jsonbCodec],
]);

/** The codec of a built-in type by its fixed OID (src/include/catalog/pg_type.dat). */
export function builtinType(oid: number): TypeCodec | undefined {
  return CODECS.get(oid);
}
