import { bits, hardware, network, uuidCodec } from './address.ts';
import { arrayOf } from './array.ts';
import type { TypeCodec } from './codec.ts';
import { boolCodec, float, integer, moneyCodec, numericCodec } from './number.ts';
import { byteaCodec, jsonbCodec, jsonCodec, plain } from './plain.ts';
import { dateCodec, intervalCodec, timeCodec, timestamp, timetzCodec } from './time.ts';

/** Type OID, OID of its array, codec. OIDs of built-in types never change (src/include/catalog/pg_type.dat). */
const TABLE: readonly (readonly [number, number, TypeCodec])[] = [
  [16, 1000, boolCodec],
  [17, 1001, byteaCodec],
  [18, 1002, plain('char')],
  [19, 1003, plain('name')],
  [20, 1016, integer('int8', 8, 'int8')],
  [21, 1005, integer('int2', 2, 'int2')],
  [23, 1007, integer('int4', 4, 'int4')],
  [25, 1009, plain('text')],
  [26, 1028, integer('oid', 4, 'int8', true)],
  [114, 199, jsonCodec],
  [142, 143, plain('xml', 'xml')],
  [650, 651, network('cidr', 'cidr')],
  [700, 1021, float('float4', 4)],
  [701, 1022, float('float8', 8)],
  [705, 0, plain('unknown')],
  [774, 775, hardware('macaddr8', 8)],
  [790, 791, moneyCodec],
  [829, 1040, hardware('macaddr', 6)],
  [869, 1041, network('inet', 'inet')],
  [1042, 1014, plain('bpchar')],
  [1043, 1015, plain('varchar')],
  [1082, 1182, dateCodec],
  [1083, 1183, timeCodec],
  [1114, 1115, timestamp('timestamp', 'timestamp', false)],
  [1184, 1185, timestamp('timestamptz', 'timestamptz', true)],
  [1186, 1187, intervalCodec],
  [1266, 1270, timetzCodec],
  [1560, 1561, bits('bit')],
  [1562, 1563, bits('varbit')],
  [1700, 1231, numericCodec],
  [2275, 1263, plain('cstring')],
  [2950, 2951, uuidCodec],
  [3802, 3807, jsonbCodec],
];

const CODECS = new Map<number, TypeCodec>();
for (const [type, array, codec] of TABLE) {
  CODECS.set(type, codec);
  if (array !== 0) CODECS.set(array, arrayOf(codec));
}

/** The codec of a built-in type by its fixed OID; undefined for all others. */
export function builtinType(oid: number): TypeCodec | undefined {
  return CODECS.get(oid);
}
