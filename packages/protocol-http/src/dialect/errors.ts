import type { Refusal } from '@scrim/model';
import { isWorthRetrying, STATUS } from '../refuse.ts';
import type { Framing, VendorError } from './contract.ts';

/** The vendor's error object, and how it looks as an event of a stream. */
export interface ErrorShape {
  readonly body: unknown;
  readonly event: { readonly name?: string; readonly data: unknown };
}

/** One sentence a person or an agent can act on. */
export function messageOf({ code, message, hint, rule, ticket }: Refusal): string {
  const about = [code, rule && `rule ${rule}`, ticket && `ticket ${ticket}`].filter(Boolean).join(', ');
  return `scrim: ${message}${hint ? `; ${hint}` : ''} (${about})`;
}

export function vendorError(
  refusal: Refusal,
  shape: ErrorShape,
  streaming: Framing | undefined,
): VendorError {
  const status = STATUS[refusal.code];
  const wait = refusal.retryAfter;
  const headers = {
    'content-type': 'application/json',
    'x-should-retry': String(isWorthRetrying(refusal)),
    ...(wait === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(wait))) }),
  };
  if (!streaming) return { status, headers, body: Buffer.from(JSON.stringify(shape.body)) };
  const data = JSON.stringify(shape.event.data);
  const name = shape.event.name === undefined ? '' : `event: ${shape.event.name}\n`;
  const body =
    streaming === 'sse' ? `${name}data: ${data}\n\n` : streaming === 'ndjson' ? `${data}\n` : `,\n${data}\n]`;
  return { status, headers, body: Buffer.from(body) };
}
