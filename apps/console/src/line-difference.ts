/** A line of a comparison: in both, only in the older, or only in the newer text. */
export interface DifferenceLine {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}

/** Beyond this many lines between the equal ends, all of the middle counts as changed: the work grows by its square. */
const MAX_MIDDLE = 1_500;

function lengths(a: readonly string[], b: readonly string[]): Uint16Array[] {
  const rows = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--) {
      const row = rows[i] as Uint16Array;
      const below = rows[i + 1] as Uint16Array;
      row[j] =
        a[i] === b[j] ? (below[j + 1] as number) + 1 : Math.max(below[j] as number, row[j + 1] as number);
    }
  return rows;
}

function middle(a: readonly string[], b: readonly string[]): DifferenceLine[] {
  const lines: DifferenceLine[] = [];
  const removed = (text: string): DifferenceLine => ({ sign: '-', text });
  const added = (text: string): DifferenceLine => ({ sign: '+', text });
  if (a.length > MAX_MIDDLE || b.length > MAX_MIDDLE) return [...a.map(removed), ...b.map(added)];
  const best = lengths(a, b);
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      lines.push({ sign: ' ', text: a[i] as string });
      i++;
      j++;
    } else if ((best[i + 1]?.[j] ?? 0) >= (best[i]?.[j + 1] ?? 0)) lines.push(removed(a[i++] as string));
    else lines.push(added(b[j++] as string));
  }
  return [...lines, ...a.slice(i).map(removed), ...b.slice(j).map(added)];
}

/** What became of `before`, line by line, with as few changed lines as there can be. */
export function lineDifference(before: string, after: string): readonly DifferenceLine[] {
  const a = before.split('\n');
  const b = after.split('\n');
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++;
  const same = (text: string): DifferenceLine => ({ sign: ' ', text });
  return [
    ...a.slice(0, head).map(same),
    ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...a.slice(a.length - tail).map(same),
  ];
}
