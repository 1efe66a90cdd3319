export { capabilities } from './capabilities.ts';
export { createSshProtocol, type SshParts } from './protocol.ts';
