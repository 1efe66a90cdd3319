/** `npm start`: the whole product with sample targets. `npm start -- up -f scrim.yaml`: on the user's own targets. */
import { prepare, runCli } from './prepare.mjs';

const args = process.argv.slice(2);
// "npm start -- --data DIR" means the start command with that option.
const named = args.length > 0 && !args[0].startsWith('-');

await prepare();
await runCli(named ? args : ['start', ...args]);
