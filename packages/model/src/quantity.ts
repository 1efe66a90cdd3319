const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
const DURATION_UNIT = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE = /^(\d+(?:\.\d+)?)(B|kB|KB|KiB|MB|MiB|GB|GiB)$/;
const SIZE_UNIT = {
  B: 1,
  kB: 1_000,
  KB: 1_000,
  KiB: 1_024,
  MB: 1_000_000,
  MiB: 1_048_576,
  GB: 1_000_000_000,
  GiB: 1_073_741_824,
} as const;

/** Milliseconds of `500ms`, `30s`, `10m`, `1h`, `7d`; undefined when the text is no duration. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (!match) return undefined;
  return Math.round(Number(match[1]) * DURATION_UNIT[match[2] as keyof typeof DURATION_UNIT]);
}

/** Bytes of `512B`, `64KiB`, `1MiB`, `2GB`; undefined when the text is no size. */
export function parseSize(text: string): number | undefined {
  const match = SIZE.exec(text);
  if (!match) return undefined;
  return Math.round(Number(match[1]) * SIZE_UNIT[match[2] as keyof typeof SIZE_UNIT]);
}
