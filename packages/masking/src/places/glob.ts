/**
 * A text in which each `*` stands for any run of characters, none included. Matching takes no
 * backtracking: after the fixed start, each piece is taken where it first appears, which is
 * enough because a later `*` can absorb whatever lies between.
 */
export function compileGlob(glob: string): (text: string) => boolean {
  const pieces = glob.split('*');
  const start = pieces[0]!;
  if (pieces.length === 1) return (text) => text === start;
  const end = pieces.at(-1)!;
  const middle = pieces.slice(1, -1).filter((piece) => piece !== '');
  return (text) => {
    if (text.length < start.length + end.length || !text.startsWith(start) || !text.endsWith(end))
      return false;
    let at = start.length;
    const limit = text.length - end.length;
    for (const piece of middle) {
      const found = text.indexOf(piece, at);
      if (found < 0 || found + piece.length > limit) return false;
      at = found + piece.length;
    }
    return true;
  };
}
