import { bits, hardware, network, uuidCodec } from './address.ts';
import { arrayOf } from './array.ts';
import type { TypeCodec } from './codec.ts';
import {
  geometric,
  lsnCodec,
  objectName,
  opaque,
  snapshot,
  systemNumber,
  tidCodec,
  vector,
} from './fixed.ts';
import { boolCodec, float, integer, moneyCodec, numericCodec } from './number.ts';
import { byteaCodec, charCodec, jsonbCodec, jsonCodec, jsonpathCodec, plain } from './plain.ts';
import { multirangeOf, rangeOf } from './range.ts';
import { tsqueryCodec, tsvectorCodec } from './search.ts';
import { dateCodec, intervalCodec, timeCodec, timestamp, timetzCodec } from './time.ts';

const int4 = integer('int4', 4, 'int4');
const int8 = integer('int8', 8, 'int8');
const timestampCodec = timestamp('timestamp', 'timestamp', false);
const timestamptzCodec = timestamp('timestamptz', 'timestamptz', true);

/** Type OID, OID of its array, codec. OIDs of built-in types never change (src/include/catalog/pg_type.dat). */
const TABLE: readonly (readonly [number, number, TypeCodec])[] = [
  [16, 1000, boolCodec],
  [17, 1001, byteaCodec],
  [18, 1002, charCodec],
  [19, 1003, plain('name')],
  [20, 1016, int8],
  [21, 1005, integer('int2', 2, 'int2')],
  [22, 1006, vector('int2vector', 21, 2)],
  [23, 1007, int4],
  [24, 1008, objectName('regproc')],
  [25, 1009, plain('text')],
  [26, 1028, systemNumber('oid', 4)],
  [27, 1010, tidCodec],
  [28, 1011, systemNumber('xid', 4)],
  [29, 1012, systemNumber('cid', 4)],
  [30, 1013, vector('oidvector', 26, 4)],
  [114, 199, jsonCodec],
  [142, 143, plain('xml', 'xml')],
  [194, 0, opaque('pg_node_tree')],
  [600, 1017, geometric.point],
  [601, 1018, geometric.lseg],
  [602, 1019, geometric.path],
  [603, 1020, geometric.box],
  [604, 1027, geometric.polygon],
  [628, 629, geometric.line],
  [650, 651, network('cidr', 'cidr')],
  [700, 1021, float('float4', 4)],
  [701, 1022, float('float8', 8)],
  [705, 0, plain('unknown')],
  [718, 719, geometric.circle],
  [774, 775, hardware('macaddr8', 8)],
  [790, 791, moneyCodec],
  [829, 1040, hardware('macaddr', 6)],
  [869, 1041, network('inet', 'inet')],
  [1033, 1034, opaque('aclitem')],
  [1042, 1014, plain('bpchar')],
  [1043, 1015, plain('varchar')],
  [1082, 1182, dateCodec],
  [1083, 1183, timeCodec],
  [1114, 1115, timestampCodec],
  [1184, 1185, timestamptzCodec],
  [1186, 1187, intervalCodec],
  [1266, 1270, timetzCodec],
  [1560, 1561, bits('bit')],
  [1562, 1563, bits('varbit')],
  [1700, 1231, numericCodec],
  [1790, 2201, plain('refcursor')],
  [2202, 2207, objectName('regprocedure')],
  [2203, 2208, objectName('regoper')],
  [2204, 2209, objectName('regoperator')],
  [2205, 2210, objectName('regclass')],
  [2206, 2211, objectName('regtype')],
  [2275, 1263, plain('cstring')],
  [2950, 2951, uuidCodec],
  [2970, 2949, snapshot('txid_snapshot')],
  [3220, 3221, lsnCodec],
  [3361, 0, opaque('pg_ndistinct')],
  [3402, 0, opaque('pg_dependencies')],
  [3614, 3643, tsvectorCodec],
  [3615, 3645, tsqueryCodec],
  [3642, 3644, opaque('gtsvector', false)],
  [3734, 3735, objectName('regconfig')],
  [3769, 3770, objectName('regdictionary')],
  [3802, 3807, jsonbCodec],
  [4072, 4073, jsonpathCodec],
  [4089, 4090, objectName('regnamespace')],
  [4096, 4097, objectName('regrole')],
  [4191, 4192, objectName('regcollation')],
  [4600, 0, opaque('pg_brin_bloom_summary')],
  [4601, 0, opaque('pg_brin_minmax_multi_summary')],
  [5017, 0, opaque('pg_mcv_list')],
  [5038, 5039, snapshot('pg_snapshot')],
  [5069, 271, systemNumber('xid8', 8)],
];

/** Subtype, range, its array, multirange, its array. */
const RANGES: readonly (readonly [string, TypeCodec, number, number, number, number])[] = [
  ['int4', int4, 3904, 3905, 4451, 6150],
  ['num', numericCodec, 3906, 3907, 4532, 6151],
  ['ts', timestampCodec, 3908, 3909, 4533, 6152],
  ['tstz', timestamptzCodec, 3910, 3911, 4534, 6153],
  ['date', dateCodec, 3912, 3913, 4535, 6155],
  ['int8', int8, 3926, 3927, 4536, 6157],
];

/** The only type whose arrays are not written with commas. */
const BOX = 603;

const CODECS = new Map<number, TypeCodec>();

function add(type: number, array: number, codec: TypeCodec): void {
  CODECS.set(type, codec);
  if (array !== 0) CODECS.set(array, arrayOf(codec, type === BOX ? ';' : ','));
}

for (const [type, array, codec] of TABLE) add(type, array, codec);
for (const [name, subtype, range, ranges, multirange, multiranges] of RANGES) {
  add(range, ranges, rangeOf(`${name}range`, subtype));
  add(multirange, multiranges, multirangeOf(`${name}multirange`, subtype));
}

/** The codec of a built-in type by its fixed OID; undefined for all others. */
export function builtinType(oid: number): TypeCodec | undefined {
  return CODECS.get(oid);
}
