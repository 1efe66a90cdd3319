export { type ControlPlane, createControlPlane } from './app.ts';
export { type Config, ConfigError, readConfig } from './config.ts';
export type { Sources } from './snapshot-sources.ts';
