import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { DETECTORS, listDetectors } from './catalogue.ts';
import { Collector, Engine, newContext } from './engine.ts';
import { KeyedRules } from './keyed.ts';
import { createScalarPrefilter, type Prefilter } from './prefilter.ts';
import { createSimdPrefilter } from './prefilter-simd.ts';
import { View } from './view.ts';

/** The engine with each prefilter. */
function engines(): [Engine, Engine] {
  const build = (choose: typeof createScalarPrefilter) => {
    const engine = new Engine(DETECTORS, new KeyedRules(DETECTORS).anchors, []);
    const prefilter: Prefilter = choose({ ...engine.anchors, octets: true });
    return Object.assign(Object.create(engine) as Engine, { prefilter });
  };
  return [
    build(createScalarPrefilter),
    build((tables) => {
      const simd = createSimdPrefilter(tables);
      if (!simd) throw new Error('no WebAssembly SIMD here');
      return simd;
    }),
  ];
}

const [scalar, simd] = engines();

function spans(engine: Engine, bytes: Uint8Array): string[] {
  const view = new View();
  view.set(bytes, 0, bytes.length, true);
  const found = new Collector();
  engine.scan(view, 0, found, newContext());
  return found.starts.map((s, i) => `${s}-${found.ends[i]}-${found.detectors[i]}`).sort();
}

const examples = listDetectors().flatMap((d) => [
  ...d.examples.positive.map((e) => e.text),
  ...d.examples.negative,
]);

test('SIMD and scalar prefilter lead to the same findings on every example, at every alignment', () => {
  const all = examples.join('\n');
  for (let pad = 0; pad < 64; pad += 1) {
    const bytes = new TextEncoder().encode('.'.repeat(pad) + all);
    expect(spans(simd, bytes)).toEqual(spans(scalar, bytes));
  }
});

test('SIMD and scalar prefilter lead to the same findings on made-up text', () => {
  const piece = fc.oneof(
    fc.constantFrom(...examples),
    fc.string(),
    fc.stringMatching(/^[0-9A-Z@+ .-]{0,40}$/),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const bytes = new TextEncoder().encode(pieces.join(' '));
      expect(spans(simd, bytes)).toEqual(spans(scalar, bytes));
    }),
    { numRuns: 200 },
  );
});

test('no finding is lost at the seam of two blocks', () => {
  const sample = examples.find((text) => text.startsWith('deploy with')) as string;
  const value = new TextEncoder().encode(sample);
  for (let shift = 0; shift < sample.length + 4; shift += 3) {
    const bytes = new Uint8Array(70_000).fill(0x2e);
    bytes.set(value, 32_768 - shift);
    expect(spans(simd, bytes).length).toBe(1);
    expect(spans(scalar, bytes).length).toBe(1);
  }
});

test('an address whose "@" is the first byte of a block is found, whole and streamed', () => {
  const value = new TextEncoder().encode('ada.lind@analytical.io');
  for (let shift = 0; shift <= value.length; shift += 1) {
    const bytes = new Uint8Array(70_000).fill(0x20);
    bytes.set(value, 32_768 - shift);
    expect(spans(simd, bytes)).toHaveLength(1);
    expect(spans(scalar, bytes)).toHaveLength(1);
  }
});
