export * from './control/index.ts';
export * from './identity/index.ts';
