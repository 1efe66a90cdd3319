import { RUNNER_HANDLERS } from './runners.ts';
import { SHELL_HANDLERS } from './shells.ts';
import { TOOL_HANDLERS } from './tools.ts';
import { type Handler, WRAPPER_HANDLERS } from './wrappers.ts';

/** Programs whose arguments decide what is run, by name. */
export const HANDLERS: ReadonlyMap<string, Handler> = new Map([
  ...TOOL_HANDLERS,
  ...RUNNER_HANDLERS,
  ...WRAPPER_HANDLERS,
  ...SHELL_HANDLERS,
]);
