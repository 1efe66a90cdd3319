/** Half-open, in UTF-16 code units. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Graded {
  readonly text: string;
  readonly carrier: string;
  readonly labels: readonly (Span & { readonly type: string })[];
}

export interface Grade {
  readonly values: number;
  /** Share of values of which at least nine tenths are covered. */
  readonly recall: number;
  /** Share of values covered to the last character. */
  readonly full: number;
  /** Share of findings of which the greater part is one value. */
  readonly precision: number;
  readonly f1: number;
  readonly alarms: number;
  readonly alarmsPer100kB: number;
  /** Code units read. */
  readonly length: number;
}

const overlap = (a: Span, b: Span) => Math.max(0, Math.min(a.end, b.end) - Math.max(a.start, b.start));

/** How well a finder does on labelled texts; `tell` is given one line for each miss and false alarm. */
export function grade(
  samples: readonly Graded[],
  find: (text: string) => readonly Span[],
  tell?: (line: string) => void,
): Grade {
  let values = 0;
  let hit = 0;
  let full = 0;
  let spans = 0;
  let right = 0;
  let length = 0;
  for (const sample of samples) {
    const found = union(find(sample.text));
    length += sample.text.length;
    for (const label of sample.labels) {
      const covered = found.reduce((total, span) => total + overlap(span, label), 0);
      const share = covered / (label.end - label.start);
      values += 1;
      if (share >= 0.9) hit += 1;
      else tell?.(`MISS ${describe(sample, label)} ${label.type}`);
      if (share === 1) full += 1;
      else if (share >= 0.9) tell?.(`PART ${describe(sample, label)} ${label.type}`);
    }
    for (const span of found) {
      spans += 1;
      const most = Math.max(0, ...sample.labels.map((label) => overlap(label, span)));
      if (most * 2 > span.end - span.start) right += 1;
      else tell?.(`FALSE ${describe(sample, span)}`);
    }
  }
  const recall = values === 0 ? 1 : hit / values;
  const precision = spans === 0 ? 1 : right / spans;
  const alarms = spans - right;
  return {
    values,
    recall,
    full: values === 0 ? 1 : full / values,
    precision,
    f1: recall + precision === 0 ? 0 : (2 * recall * precision) / (recall + precision),
    alarms,
    alarmsPer100kB: (alarms * 1e5) / Math.max(1, length),
    length,
  };
}

/** What is found twice, or by two rules that overlap, is one finding: no tool is charged for saying it again. */
function union(spans: readonly Span[]): Span[] {
  const out: { start: number; end: number }[] = [];
  for (const span of [...spans].sort((a, b) => a.start - b.start || b.end - a.end)) {
    const last = out.at(-1);
    if (last !== undefined && span.start < last.end) last.end = Math.max(last.end, span.end);
    else out.push({ start: span.start, end: span.end });
  }
  return out;
}

function describe(sample: Graded, span: Span): string {
  const around = sample.text.slice(
    Math.max(0, span.start - 60),
    Math.min(sample.text.length, span.start + 60),
  );
  const value = sample.text.slice(span.start, Math.min(span.end, span.start + 60));
  return `[${sample.carrier}] ${JSON.stringify(around)} value=${JSON.stringify(value)}`;
}
