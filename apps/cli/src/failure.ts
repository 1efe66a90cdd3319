/** A failure the user can mend: printed as `message` and `mend`, never as a stack trace. */
export class Failure extends Error {
  readonly mend: string | undefined;
  readonly exitCode: number;

  constructor(message: string, mend?: string, exitCode = 1) {
    super(message);
    this.name = 'Failure';
    this.mend = mend;
    this.exitCode = exitCode;
  }
}
