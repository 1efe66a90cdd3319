import type { Context } from '../../context.ts';
import type { Server } from '../../http/server.ts';
import { createApiKeys } from './api-keys.ts';
import type { Issuers } from './issuers.ts';
import { createMachines } from './machines.ts';
import { createRoleBindings } from './role-bindings.ts';
import { registerApiKeys, registerIssuers, registerMachines, registerRoleBindings } from './routes.ts';
import { registerTokens } from './token-routes.ts';
import type { Tokens } from './tokens.ts';

/** Everything about who is who. */
export function registerIdentities(server: Server, context: Context, issuers: Issuers, tokens: Tokens): void {
  registerIssuers(server, issuers);
  registerMachines(server, createMachines(context));
  registerApiKeys(server, createApiKeys(context));
  registerRoleBindings(server, createRoleBindings(context));
  registerTokens(server, tokens);
}
