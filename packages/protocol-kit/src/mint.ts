export { mint } from './grant.ts';
