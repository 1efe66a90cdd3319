export { Journal } from './journal.ts';
export { TokenShipper } from './shipper.ts';
export { EdgeVault } from './vault.ts';
