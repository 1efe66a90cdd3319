import { actorOf } from '../../auth/access.ts';
import type { Context } from '../../context.ts';
import { lockConfiguration } from '../../database/lock.ts';
import type { Server } from '../../http/server.ts';
import { recordAudit } from '../audit/record.ts';
import { rotation } from './schema.ts';
import type { Credentials } from './service.ts';

/** Secrets are written with their connection and never read; what is left to ask for is a rotation. */
export function registerCredentials(
  server: Server,
  { db, envelope, keys }: Pick<Context, 'db' | 'envelope' | 'keys'>,
  credentials: Credentials,
): void {
  server.post(
    '/v1/credentials/rotate',
    {
      config: { access: ['admin'] },
      schema: {
        tags: ['credentials'],
        summary: 'Re-wrap every secret with the present master key',
        description:
          'Start the control plane with the new SCRIM_MASTER_KEY and the old one as SCRIM_MASTER_KEY_PREVIOUS, call ' +
          'this once, then remove the old one. Safe to repeat.',
        response: { 200: rotation },
      },
    },
    async (request) =>
      db.prisma.$transaction(
        async (tx) => {
          await lockConfiguration(tx);
          const after = {
            masterKeyId: envelope.keyId,
            credentials: await credentials.rotate(tx),
            signingKeys: await keys.rotate(tx),
          };
          await recordAudit(tx, actorOf(request), {
            action: 'credential.rotate',
            resource: 'credential/*',
            after,
          });
          return after;
        },
        { timeout: 60_000 },
      ),
  );
}
