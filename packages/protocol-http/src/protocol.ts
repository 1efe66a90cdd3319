import { refuse } from '@scrim/model';
import type { AcceptContext, Grant, Protocol } from '@scrim/protocol-kit';
import { Entrance } from './accept.ts';
import { capabilities } from './capabilities.ts';
import type { Dialect } from './dialect/contract.ts';
import { HttpExchange } from './exchange.ts';
import { ParkedAnswers } from './parked.ts';
import { Statements } from './statement.ts';
import { injected, Targets } from './target.ts';

/** What the protocol is put together from. */
export interface HttpParts {
  /** The vendor's way by its name. */
  readonly dialect: (name: Dialect['name']) => Dialect;
}

/** HTTP/1.1 and HTTP/2 towards callers, HTTP/1.1 towards targets. */
export function createHttpProtocol(parts: HttpParts): Protocol {
  const entrances = new WeakMap<AcceptContext, Entrance>();
  const targets = new Targets();
  const statements = new Statements();
  const parked = new ParkedAnswers();
  const admit = (grant: Grant, over: () => void): HttpExchange => {
    const { details } = grant;
    const { connection, secrets } = details;
    if (connection.protocol !== 'http') throw refuse('SCRIM_INTERNAL');
    const target = targets.of(details);
    const dialect = target.dialect === undefined ? undefined : parts.dialect(target.dialect);
    return new HttpExchange({
      details,
      target,
      dialect,
      injected: injected(connection, secrets),
      statements,
      parked,
      over,
    });
  };
  return {
    name: 'http',
    capabilities,
    accept: (socket, context) => {
      let entrance = entrances.get(context);
      if (!entrance) {
        entrance = new Entrance(context);
        entrances.set(context, entrance);
      }
      return entrance.accept(socket, context, admit);
    },
  };
}
