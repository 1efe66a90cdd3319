/** Pieces one behind the other: the only filled one itself, else a copy of all. */
export function joinPieces(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0] as Uint8Array;
  const filled = pieces.filter((piece) => piece.length > 0);
  if (filled.length === 1) return filled[0] as Uint8Array;
  let length = 0;
  for (const piece of filled) length += piece.length;
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of filled) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
