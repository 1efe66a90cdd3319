/** `npm run -s scrim -- ARGS`: the command line program of this checkout. */
import { prepare, runCli } from './prepare.mjs';

const args = process.argv.slice(2);

await prepare();
await runCli(args);
