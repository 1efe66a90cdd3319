/** Days in the century 1700-01-01 to 1799-12-31 (proleptic Gregorian; 1700 is no leap year). */
export const CENTURY_DAYS = 36_524;

const MONTHS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** `YYYY-MM-DD` of the day so many days after 1700-01-01, below {@link CENTURY_DAYS}. */
export function dateOfDay(day: number): string {
  let year = 1700;
  let left = day;
  for (; left >= (isLeap(year) ? 366 : 365); year++) left -= isLeap(year) ? 366 : 365;
  let month = 0;
  for (; left >= monthDays(year, month); month++) left -= monthDays(year, month);
  return `${year}-${two(month + 1)}-${two(left + 1)}`;
}

/** The inverse of {@link dateOfDay}; undefined for a date outside the century. */
export function dayOfDate(date: string): number | undefined {
  const match = /^(17\d\d)-(\d\d)-(\d\d)$/.exec(date);
  if (match === null) return undefined;
  const year = Number(match[1]);
  const month = Number(match[2]) - 1;
  const inMonth = Number(match[3]) - 1;
  if (month < 0 || month > 11 || inMonth < 0 || inMonth >= monthDays(year, month)) return undefined;
  let day = inMonth;
  for (let y = 1700; y < year; y++) day += isLeap(y) ? 366 : 365;
  for (let m = 0; m < month; m++) day += monthDays(year, m);
  return day;
}

function monthDays(year: number, month: number): number {
  return month === 1 && isLeap(year) ? 29 : MONTHS[month]!;
}

/** `HH:MM:SS[.mmm]` of a millisecond of the day, trailing zeros dropped as PostgreSQL does. */
export function timeOfMillis(millis: number): string {
  const seconds = Math.floor(millis / 1000);
  const fraction = millis % 1000 === 0 ? '' : `.${String(millis % 1000).padStart(3, '0')}`.replace(/0+$/, '');
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}${fraction}`;
}

/** The inverse of {@link timeOfMillis}; undefined for anything else. */
export function millisOfTime(time: string): number | undefined {
  const match = /^([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,3}))?$/.exec(time);
  if (match === null) return undefined;
  const seconds = Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3]);
  return seconds * 1000 + Number((match[4] ?? '0').padEnd(3, '0'));
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
