export { createIdentifier, type Identifier, type IdentifierOptions } from './identifier.ts';
