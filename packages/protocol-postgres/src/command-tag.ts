/** The number at the end of a command tag (`INSERT 0 5`), null where the tag has none. */
export function countOf(tag: string): number | null {
  const match = / (\d+)$/.exec(tag);
  return match ? Number(match[1]) : null;
}
