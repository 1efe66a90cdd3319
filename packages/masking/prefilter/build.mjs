// Writes src/scan/prefilter-module.ts: the prefilter as WebAssembly, assembled from the text below by wabt (pure
// JavaScript). The output depends on nothing but this file and wabt's version: `node prefilter/build.mjs --check`
// fails when the committed module differs.
import { readFileSync, writeFileSync } from 'node:fs';
import wabt from 'wabt';

const TEXT = 65_536;
const GRAM_HITS = 262_144;
const SHAPE_HITS = 524_288;
const BLOCK = 48;

const lanes = [0, 1, 2, 3, 4, 5, 6, 7];
const loadFold = (k) => `(v128.and (v128.load8x8_u offset=${TEXT + k} (local.get $i)) (local.get $low5))`;

// Eight fingerprints at a time: fold bytes to five bits, build the 15-bit number in each lane, look each up.
const grams = `
  (func (export "grams") (param $length i32) (result i32)
    (local $i i32) (local $out i32) (local $v v128) (local $low5 v128)
    ${lanes.map((k) => `(local $t${k} i32)`).join(' ')}
    (local.set $low5 (i16x8.splat (i32.const 31)))
    (local.set $out (i32.const ${GRAM_HITS}))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $i) (local.get $length)))
      (local.set $v (v128.or
        (v128.or (i16x8.shl ${loadFold(0)} (i32.const 10)) (i16x8.shl ${loadFold(1)} (i32.const 5)))
        ${loadFold(2)}))
      ${lanes.map((k) => `(local.set $t${k} (i32.load8_u (i16x8.extract_lane_u ${k} (local.get $v))))`).join('\n      ')}
      (if ${lanes.map((k) => `(local.get $t${k})`).reduce((a, b) => `(i32.or ${a} ${b})`)} (then
        ${lanes
          .map(
            (k) => `(i32.store (local.get $out) (i32.add (local.get $i) (i32.const ${k})))
        (local.set $out (i32.add (local.get $out) (i32.shl (local.get $t${k}) (i32.const 2))))`,
          )
          .join('\n        ')}))
      (local.set $i (i32.add (local.get $i) (i32.const 8)))
      (br $next)))
    (i32.shr_u (i32.sub (local.get $out) (i32.const ${GRAM_HITS})) (i32.const 2)))`;

// Each class of bytes becomes a 64-bit mask, and a shape is a conjunction of masks shifted to where its parts stand.
const between = (low, count) => (v) => `(i8x16.lt_u (i8x16.sub ${v} ${splat(low)}) ${splat(count)})`;
const equals = (char) => (v) => `(i8x16.eq ${v} ${splat(char.charCodeAt(0))})`;
const splat = (n) => `(v128.const i8x16 ${Array(16).fill(n).join(' ')})`;
const either =
  (...tests) =>
  (v) =>
    tests.map((t) => t(v)).reduce((a, b) => `(v128.or ${a} ${b})`);

const classes = {
  D: between(48, 10),
  U: between(65, 26),
  A: either(between(48, 10), between(65, 26), between(97, 26)),
  H: equals('-'),
  P: equals('.'),
  S: equals(' '),
  AT: equals('@'),
  PLUS: equals('+'),
  RP: equals(')'),
  LE: either(
    between(48, 10),
    between(65, 26),
    between(97, 26),
    equals('_'),
    equals('-'),
    equals('+'),
    equals('.'),
    equals("'"),
    between(128, 128),
  ),
  X: either(between(48, 11), between(65, 6), between(97, 6)),
};

const get = (name) => `(local.get $${name})`;
const ahead = (mask, by) => (by === 0 ? mask : `(i64.shr_u ${mask} (i64.const ${by}))`);
const behind = (mask) => `(i64.shl ${mask} (i64.const 1))`;
const not = (mask) => `(i64.xor ${mask} (i64.const -1))`;
const and = (...parts) => parts.reduce((a, b) => `(i64.and ${a} ${b})`);
const or = (...parts) => parts.reduce((a, b) => `(i64.or ${a} ${b})`);
const at = (by, ...names) =>
  ahead(
    names.map(get).reduce((a, b) => `(i64.or ${a} ${b})`),
    by,
  );

const derived = {
  d2: and(at(0, 'D'), at(1, 'D')),
  d3: and(at(0, 'd2'), at(2, 'D')),
  d4: and(at(0, 'd2'), at(2, 'd2')),
  d8: and(at(0, 'd4'), at(4, 'd4')),
  u2: and(at(0, 'U'), at(1, 'U')),
  u4: and(at(0, 'u2'), at(2, 'u2')),
  first: not(behind(get('D'))),
};

const shapes = {
  'fourteen digits or more': and(at(0, 'd8'), at(8, 'd4'), at(12, 'd2'), get('first')),
  'dddd-dddd': and(at(0, 'd4'), at(4, 'H', 'S', 'P'), at(5, 'd4')),
  'ddd-dd-dddd': and(at(0, 'd3'), at(3, 'H'), at(4, 'd2'), at(6, 'H'), at(7, 'd4')),
  'ddd-ddd-dddd': and(at(0, 'd3'), at(3, 'H', 'P'), at(4, 'd3'), at(7, 'H', 'P'), at(8, 'd4')),
  'ddd) ddd': and(at(0, 'd3'), at(3, 'RP'), or(at(4, 'd3'), and(at(4, 'S', 'H'), at(5, 'd3')))),
  'ddd.ddd.ddd': and(at(0, 'd3'), at(3, 'P'), at(4, 'd3'), at(7, 'P'), at(8, 'd3')),
  'dd.ddd.ddd': and(at(0, 'd2'), at(2, 'P'), at(3, 'd3'), at(6, 'P'), at(7, 'd3')),
  'dd.dd.dd-': and(at(0, 'd2'), at(2, 'P'), at(3, 'd2'), at(5, 'P'), at(6, 'd2'), at(8, 'H')),
  'ddd.dddd.': and(at(0, 'd3'), at(3, 'P'), at(4, 'd4'), at(8, 'P')),
  'd dd dd dd': and(at(0, 'D'), at(1, 'S'), at(2, 'd2'), at(4, 'S'), at(5, 'd2'), at(7, 'S'), at(8, 'd2')),
  'dddddd-ddd': and(at(0, 'd4'), at(4, 'd2'), at(6, 'H', 'PLUS', 'U'), at(7, 'd3')),
  'dddddddd-dddd': and(at(0, 'd8'), at(8, 'H'), at(9, 'd4')),
  dddddddL: and(at(0, 'd4'), at(4, 'd3'), at(7, 'U')),
  ddddddddL: and(at(0, 'd8'), at(8, 'U')),
  '+d': and(at(0, 'PLUS'), at(1, 'D')),
  'a@a': behind(and(at(0, 'LE'), at(1, 'AT'), at(2, 'A'))),
  LLdd: and(
    at(0, 'u2'),
    at(2, 'd2'),
    at(4, 'U', 'D', 'S'),
    at(5, 'U', 'D', 'S'),
    at(6, 'U', 'D', 'S'),
    at(7, 'U', 'D', 'S'),
  ),
  'LL dd dd': and(at(0, 'u2'), at(2, 'S'), at(3, 'd2'), at(5, 'S')),
  LLLLLLdd: and(at(0, 'u4'), at(4, 'u2'), at(6, 'd2')),
  LLLLdddddd: and(at(0, 'u4'), at(4, 'd4'), at(8, 'd2')),
};

const mask64 = (test) =>
  [0, 1, 2, 3]
    .map(
      (k) =>
        `(i64.shl (i64.extend_i32_u (i8x16.bitmask ${test(`(local.get $b${k})`)})) (i64.const ${k * 16}))`,
    )
    .reduce((a, b) => `(i64.or ${a} ${b})`);

const shapeFunction = `
  (func (export "shapes") (param $length i32) (param $octets i32) (result i32)
    (local $i i32) (local $out i32) (local $m i64)
    (local $b0 v128) (local $b1 v128) (local $b2 v128) (local $b3 v128)
    ${[...Object.keys(classes), ...Object.keys(derived)].map((name) => `(local $${name} i64)`).join(' ')}
    (local.set $out (i32.const ${SHAPE_HITS}))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $i) (local.get $length)))
      ${[0, 1, 2, 3].map((k) => `(local.set $b${k} (v128.load offset=${TEXT + 16 * k} (local.get $i)))`).join('\n      ')}
      ${Object.entries(classes)
        .filter(([name]) => name !== 'X')
        .map(([name, test]) => `(local.set $${name} ${mask64(test)})`)
        .join('\n      ')}
      ${Object.entries(derived)
        .map(([name, expr]) => `(local.set $${name} ${expr})`)
        .join('\n      ')}
      (local.set $m (i64.and ${or(...Object.values(shapes))} (i64.const ${(2n ** BigInt(BLOCK + 1) - 1n).toString()})))
      (if (local.get $octets) (then
        (local.set $X ${mask64(classes.X)})
        (local.set $m (i64.or (local.get $m) (i64.and
          ${and(get('X'), not(behind(get('X'))))} (i64.const ${(2n ** BigInt(BLOCK) - 1n).toString()}))))))
      (block $clear (loop $bits
        (br_if $clear (i64.eqz (local.get $m)))
        (i32.store (local.get $out) (i32.add (local.get $i) (i32.wrap_i64 (i64.ctz (local.get $m)))))
        (local.set $out (i32.add (local.get $out) (i32.const 4)))
        (local.set $m (i64.and (local.get $m) (i64.sub (local.get $m) (i64.const 1))))
        (br $bits)))
      (local.set $i (i32.add (local.get $i) (i32.const ${BLOCK})))
      (br $next)))
    (i32.shr_u (i32.sub (local.get $out) (i32.const ${SHAPE_HITS})) (i32.const 2)))`;

const wat = `(module (memory (export "memory") 13) ${grams} ${shapeFunction})`;
const assembler = await wabt();
const module = assembler.parseWat('prefilter.wat', wat, { simd: true });
const { buffer } = module.toBinary({});
const base64 = Buffer.from(buffer).toString('base64');
const lines = base64.match(/.{1,100}/g).map((line) => `  '${line}'`);
const target = new URL('../src/scan/prefilter-module.ts', import.meta.url);
const source = `/** Made by prefilter/build.mjs; change it there. ${buffer.length} bytes of WebAssembly with SIMD, in base64. */
export const PREFILTER_MODULE = [
${lines.join(',\n')},
].join('');
`;
if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== source) {
    console.error('prefilter-module.ts is not what prefilter/build.mjs makes; run it and commit the result');
    process.exit(1);
  }
} else writeFileSync(target, source);
