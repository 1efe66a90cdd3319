export * from './content.ts';
export { Grant, type GrantDetails } from './grant.ts';
export * from './protocol.ts';
export * from './run.ts';
export * from './transcript.ts';
