export { type ControlPlane, createControlPlane } from './app.ts';
export { type Config, ConfigError, readConfig } from './config.ts';
export type { SnapshotSources } from './modules/edges/snapshot.ts';
