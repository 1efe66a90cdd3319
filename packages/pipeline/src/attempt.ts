/** Does what must not keep the rest from being done: what it throws goes to the edge's log alone. */
export function attempt(
  failed: (sessionId: string, error: unknown) => void,
  sessionId: string,
  work: () => void,
): void {
  try {
    work();
  } catch (error) {
    failed(sessionId, error);
  }
}
