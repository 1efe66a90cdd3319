const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const NUMBER = new Intl.NumberFormat('en-GB');

/** `12,345`. */
export function countText(count: number): string {
  return NUMBER.format(count);
}

/** `1 row`, `3 rows`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}

/** `0 B`, `12.3 KiB`: 1024 to the unit, three figures. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1_024 && unit < units.length - 1) {
    value /= 1_024;
    unit++;
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${units[unit]}`;
}

/** A duration in milliseconds by its two largest units: `9 min 58 s`, `42 s`. Never below zero. */
export function durationText(ms: number): string {
  const left = Math.max(0, ms);
  const parts = (large: number, largeName: string, small: number, smallName: string): string => {
    const rest = Math.floor((left % large) / small);
    return `${Math.floor(left / large)} ${largeName}${rest > 0 ? ` ${rest} ${smallName}` : ''}`;
  };
  if (left >= DAY) return parts(DAY, 'd', HOUR, 'h');
  if (left >= HOUR) return parts(HOUR, 'h', MINUTE, 'min');
  if (left >= MINUTE) return parts(MINUTE, 'min', SECOND, 's');
  return `${Math.floor(left / SECOND)} s`;
}

/** How long ago `time` was, `now` being epoch milliseconds: `just now`, `3 min 5 s ago`. */
export function agoText(time: number, now: number): string {
  return now - time < 2 * SECOND ? 'just now' : `${durationText(now - time)} ago`;
}

const two = (value: number): string => String(value).padStart(2, '0');

/** `2026-03-01 14:05:09` in the reader's own time zone. */
export function timeText(time: string | number): string {
  const date = new Date(time);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** `14:05:09.120` in the reader's own time zone. */
export function clockText(time: number): string {
  const date = new Date(time);
  const ms = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}`;
}

/** The beginning of a text in one line. */
export function shortText(text: string, length = 90): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length <= length ? line : `${line.slice(0, length - 1)}…`;
}
