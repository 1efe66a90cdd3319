import { principalOf } from '../../auth/access.ts';
import type { Context } from '../../context.ts';
import type { Server } from '../../http/server.ts';
import { VERSION } from '../../version.ts';
import { info, whoami } from './schema.ts';

/** Who am I, and what am I talking to. */
export function registerInfo(server: Server, { config, now }: Pick<Context, 'config' | 'now'>): void {
  server.get(
    '/v1/whoami',
    {
      config: { access: ['user'] },
      schema: { tags: ['info'], summary: 'Who the bearer is, and what it may do', response: { 200: whoami } },
    },
    async (request) => {
      const { subject, groups, roles, kind, via } = principalOf(request);
      return { subject, groups: [...groups], roles: [...roles], kind, via };
    },
  );
  server.get(
    '/v1/info',
    {
      config: { access: ['user'] },
      schema: { tags: ['info'], summary: 'This control plane', response: { 200: info } },
    },
    async () => ({
      version: VERSION,
      mode: config.mode,
      publicUrl: config.publicUrl,
      time: new Date(now()).toISOString(),
    }),
  );
}
