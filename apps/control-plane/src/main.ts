import { createLog } from '@scrim/telemetry';
import { createControlPlane } from './app.ts';
import { ROLES } from './auth/principal.ts';
import { type Config, ConfigError, readConfig } from './config.ts';
import { createApiKeys } from './modules/identities/api-keys.ts';

/** Exit codes of sysexits.h, so that a supervisor can tell a wrong setting (do not restart) from a failure. */
const EX_USAGE = 64;
const EX_CONFIG = 78;
const EX_SOFTWARE = 70;

function configOrExit(): Config {
  try {
    return readConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`scrim control plane: wrong settings\n${error.message}\n`);
    process.exit(EX_CONFIG);
  }
}

async function serve(config: Config): Promise<void> {
  const log = createLog({ name: 'control-plane', level: config.logLevel });
  const plane = await createControlPlane(config, { log });
  const end = (why: string): void => {
    log.info({ why }, 'stopping');
    // Whatever hangs must not keep a drained process alive.
    setTimeout(() => process.exit(EX_SOFTWARE), config.shutdownGrace).unref();
    plane.stop().then(
      () => process.exit(0),
      (err) => {
        log.error({ err }, 'did not stop in good order');
        process.exit(EX_SOFTWARE);
      },
    );
  };
  process.once('SIGTERM', () => end('SIGTERM'));
  process.once('SIGINT', () => end('SIGINT'));
  if (config.supervised) process.stdin.resume().once('close', () => end('the supervisor is gone'));
  const { host, port } = await plane.start();
  log.info({ host, port, mode: config.mode }, 'serving');
  // One line for whoever started the process; everything else goes to standard error.
  const grpc = { host: config.grpc.host, port: plane.grpcPort() };
  process.stdout.write(`${JSON.stringify({ ready: true, http: { host, port }, grpc })}\n`);
}

/**
 * `main.js admin-key SUBJECT`: makes an API key with every role and prints it, once. Whoever can read the control plane's
 * settings may do this: it is how a production control plane gets its first administrator.
 */
async function printAdminKey(config: Config, subject: string): Promise<void> {
  const plane = await createControlPlane(config, {
    log: createLog({ name: 'control-plane', level: 'warn' }),
  });
  const apiKeys = createApiKeys(plane.context);
  const spec = { name: 'first administrator', subject, groups: [], roles: [...ROLES] };
  const { key } = await apiKeys.create({ subject: 'operator' }, spec);
  process.stdout.write(`${key.reveal()}\n`);
  await plane.stop();
}

const [command, argument] = process.argv.slice(2);
try {
  if (command === undefined) await serve(configOrExit());
  else if (command === 'admin-key' && argument) {
    await printAdminKey(configOrExit(), argument);
    process.exit(0);
  } else {
    process.stderr.write(
      'usage: main.js                      serve\n       main.js admin-key SUBJECT    print a new administrator API key\n',
    );
    process.exit(EX_USAGE);
  }
} catch (err) {
  createLog({ name: 'control-plane', level: 'fatal' }).fatal({ err }, 'did not start');
  process.exit(EX_SOFTWARE);
}
