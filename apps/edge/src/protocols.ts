import { openHttpProtocol } from '@scrim/protocol-http';
import type { Protocol } from '@scrim/protocol-kit';
import { openPostgresProtocol } from '@scrim/protocol-postgres';

/** A protocol with the environment variable that gives its listener an address. */
export interface ServedProtocol {
  readonly variable: string;
  readonly create: () => Promise<Protocol>;
}

/** The one file that names every protocol: adding one is a line here. */
export const PROTOCOLS: Readonly<Record<string, ServedProtocol>> = {
  postgres: { variable: 'SCRIM_EDGE_POSTGRES', create: () => openPostgresProtocol() },
  http: { variable: 'SCRIM_EDGE_HTTP', create: async () => openHttpProtocol() },
};
