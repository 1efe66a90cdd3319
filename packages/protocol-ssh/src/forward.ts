import { type Refusal, refuse, type Statement } from '@scrim/model';
import type { ClientChannel, ServerChannel, TcpipRequestInfo } from 'ssh2';
import type { Governed, Host } from './contracts.ts';
import { Lane, run } from './run.ts';

const UNINSPECTED = 'forwarded';

/**
 * A connection of the caller's through the target (`ssh -L`, `-D`, `-J`): opened where a policy names its destination,
 * and then passed blind both ways, which the session's coverage says.
 */
export class ForwardChannel implements Governed {
  readonly lane: number;
  readonly #host: Host;
  readonly #info: TcpipRequestInfo;
  readonly #toTarget: Lane;
  readonly #toCaller: Lane;
  #caller: ServerChannel | undefined;
  #target: ClientChannel | undefined;

  constructor(host: Host, info: TcpipRequestInfo, lane: number) {
    this.#host = host;
    this.#info = info;
    this.lane = lane;
    const failed = (error: unknown) => host.failed(error);
    this.#toTarget = new Lane((runs) => host.relay.fromCaller(runs), failed);
    this.#toCaller = new Lane((runs) => host.relay.fromTarget(runs), failed);
  }

  get backlog(): number {
    return (this.#caller?.readableLength ?? 0) + (this.#target?.readableLength ?? 0);
  }

  tell(): void {
    // A forwarded connection has no place for words.
  }

  windowGrew(): void {
    // Written through ssh2's own stream, which waits by itself.
  }

  abandon(): boolean {
    this.end();
    return true;
  }

  end(): void {
    this.#caller?.close();
    this.#target?.close();
  }

  request(): boolean {
    return false;
  }

  open(accept: () => ServerChannel, reject: () => unknown): void {
    const { destIP, destPort } = this.#info;
    const destination = `${destIP}:${destPort}`;
    const statement: Statement = {
      verb: 'forward',
      text: `forward ${destination}`,
      facts: { kind: 'forward', destination },
    };
    const deny = (_refusal: Refusal): void => {
      reject();
      this.#host.closed(this.lane);
    };
    this.#toTarget.push(
      run(
        this.lane,
        Buffer.from(statement.text),
        { kind: 'operation', statement, parameters: null },
        () => this.#toTarget.block(this.#connect(accept, deny)),
        deny,
      ),
    );
  }

  #connect(accept: () => ServerChannel, deny: (refusal: Refusal) => void): Promise<void> {
    const { srcIP, srcPort, destIP, destPort } = this.#info;
    return new Promise((resolve) => {
      this.#host.target.forwardOut(srcIP, srcPort, destIP, destPort, (error, target) => {
        if (error) deny(refuse('SCRIM_TARGET_UNREACHABLE').refusal);
        else this.#attach(accept(), target);
        resolve();
      });
    });
  }

  #attach(caller: ServerChannel | undefined, target: ClientChannel): void {
    if (!caller) {
      target.close();
      this.#host.closed(this.lane);
      return;
    }
    this.#caller = caller;
    this.#target = target;
    this.#carry(this.#toTarget, caller, target);
    this.#carry(this.#toCaller, target, caller);
    target.on('close', () => {
      caller.end();
      caller.close();
      this.#host.closed(this.lane);
    });
    caller.on('close', () => target.close());
  }

  #carry(lane: Lane, from: ServerChannel | ClientChannel, to: ServerChannel | ClientChannel): void {
    from.on('error', () => undefined);
    from.on('data', (chunk: Buffer) => {
      lane.push(
        run(this.lane, chunk, { kind: 'opaque', why: UNINSPECTED }, (bytes) => {
          if (to.writable && !to.write(Buffer.from(bytes))) from.pause();
        }),
      );
    });
    to.on('drain', () => from.resume());
    from.on('end', () => {
      // Ending our own stream would close the channel, and the other direction with it.
      if (to.writable) to.write(Buffer.alloc(0), () => (to as unknown as { eof(): void }).eof());
    });
  }
}
