export { cacheFolder } from './cache-folder.ts';
export { type FoundProgram, findProgram, type ProgramName } from './debian-programs.ts';
export { freePort, isFree } from './free-port.ts';
export { type PostgresOptions, type PostgresStore, startPostgres } from './postgres.ts';
export { findPostgres, type PostgresPrograms } from './postgres-programs.ts';
export { type RedisOptions, type RedisStore, startRedis } from './redis.ts';
export { findRedis, type RedisProgram } from './redis-programs.ts';
export type { StoreExit } from './store-process.ts';
