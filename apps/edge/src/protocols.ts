import { openHttpProtocol } from '@scrim/protocol-http';
import type { Protocol } from '@scrim/protocol-kit';
import { openPostgresProtocol } from '@scrim/protocol-postgres';
import { generateHostKey, openSshProtocol, publicHostKey } from '@scrim/protocol-ssh';
import { hostKeyOf } from './secrets/host-key.ts';

/** Certificates callers of one of them present, for the identify step. */
export { CertificateError, provenCertificate, type UserCertificate } from '@scrim/protocol-ssh/certificate';

const HOST_KEYS = { generate: generateHostKey, publicKey: publicHostKey };

/** A protocol with the environment variable that gives its listener an address. */
export interface ServedProtocol {
  readonly variable: string;
  /** A listener can serve one connection alone, so that callers need not name it. */
  readonly ownPorts?: true;
  /** `dataDir` is where an edge keeps what is its own. */
  readonly create: (dataDir: string) => Promise<Protocol>;
}

/** The one file that names every protocol: adding one is a line here. */
export const PROTOCOLS: Readonly<Record<string, ServedProtocol>> = {
  postgres: { variable: 'SCRIM_EDGE_POSTGRES', create: () => openPostgresProtocol() },
  http: { variable: 'SCRIM_EDGE_HTTP', ownPorts: true, create: async () => openHttpProtocol() },
  ssh: {
    variable: 'SCRIM_EDGE_SSH',
    create: async (dataDir) => openSshProtocol(await hostKeyOf(dataDir, 'ssh_host_ed25519_key', HOST_KEYS)),
  },
};
